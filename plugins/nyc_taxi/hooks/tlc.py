"""The connection that names where the monthly files come from."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from nyc_taxi import settings
from nyc_taxi.core.month import Month
from nyc_taxi.errors import InvalidSource, TaxiError
from nyc_taxi.files.publication import Publication, State
from nyc_taxi.hooks.missing import confirm_missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow.sdk import Connection

    from nyc_taxi.files.download import File
    from nyc_taxi.files.source import Source
    from nyc_taxi.files.source_list import SourceList

_TRIED = tuple(("green", Month(text)) for text in ("2021-01", "2024-01"))


class NycTlcHook(BaseHook):
    """Asks the sources of a connection about months, and fetches their files.

    Where nobody has made the default connection, the default sources stand in for it, so that the DAGs
    work in an Airflow in which nothing was set up. Any other connection has to exist.

    :param tlc_conn_id: connection of the type ``nyc_tlc``
    """

    conn_name_attr = "tlc_conn_id"
    default_conn_name = settings.TLC_CONN_ID
    conn_type = "nyc_tlc"
    hook_name = "NYC TLC trip files"

    def __init__(self, tlc_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.tlc_conn_id = tlc_conn_id

    def sources(self) -> SourceList:
        """Return the connection's sources, in order.

        :raises InvalidSource: when the connection names something that is no source, or does not exist
        :raises ConnectionsUnavailable: when Airflow could not be asked for the connection
        """
        try:
            return self._parse(self.get_connection(self.tlc_conn_id))
        except AirflowNotFoundException:
            return self._without_connection()

    async def asources(self) -> SourceList:
        """Return the connection's sources from within an event loop; see :meth:`sources`."""
        try:
            return self._parse(await self.aget_connection(self.tlc_conn_id))
        except AirflowNotFoundException:
            return await asyncio.to_thread(self._without_connection)

    def ask(self, dataset: str, month: Month) -> Publication:
        """Ask the first source that covers a month about its file, with one request.

        :raises TransientError: when the source does not answer
        :raises SourceRefused: when it answers with a status that will not change
        """
        return self.sources().ask(dataset, month)

    def download(
        self,
        publication: Publication,
        folder: Path,
        *,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> File:
        """Fetch a published file into a folder, whole and checked; see :mod:`nyc_taxi.files.download`."""
        from nyc_taxi.files.download import download

        return download(publication, folder, progress=progress)

    def test_connection(self) -> tuple[bool, str]:
        """Ask every source about one month that it covers, and say what they answered."""
        try:
            said = [_test(source) for source in self.sources().sources]
        except TaxiError as error:
            return False, str(error)
        return all(well for well, _ in said), "; ".join(text for _, text in said) + "."

    def _without_connection(self) -> SourceList:
        from nyc_taxi.files.source_list import SourceList

        confirm_missing(self.tlc_conn_id)
        if self.tlc_conn_id != self.default_conn_name:
            raise InvalidSource(
                f"Airflow has no connection {self.tlc_conn_id} that it can read. Create it with the type "
                f"{self.conn_type}, or use {self.default_conn_name}."
            )
        self.log.info("There is no connection %s: using the default sources.", self.tlc_conn_id)
        return SourceList.parse()

    def _parse(self, connection: Connection) -> SourceList:
        from nyc_taxi.files.source_list import SourceList

        try:
            # Not extra_dejson, which must not be called from an event loop.
            sources = json.loads(connection.extra or "{}").get("sources") or ""
        except (ValueError, AttributeError):
            sources = None
        if not isinstance(sources, str):
            raise InvalidSource(
                f"The extra of the connection {self.tlc_conn_id} is not a JSON object such as "
                '{"sources": "mirror, tlc"}. Correct the connection.'
            )
        return SourceList.parse(sources)


def _test(source: Source) -> tuple[bool, str]:
    for dataset, month in _TRIED:
        if source.folder or source.covers(dataset, month):
            try:
                answer = source.ask(dataset, month)
            except TaxiError as error:
                return False, str(error).rstrip(".")
            there = answer.state is State.PUBLISHED
            return True, f"{source.name} answers and {'has' if there else 'does not have'} {dataset} {month}"
    return True, f"{source.name} was not asked, because it covers neither of the months tried"
