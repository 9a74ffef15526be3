"""The connection that lists where the monthly files come from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

from nyc_taxi import settings
from nyc_taxi.core.month import Month
from nyc_taxi.errors import InvalidSource, TaxiError
from nyc_taxi.files.publication import Publication, State
from nyc_taxi.hooks.connection import expected

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from nyc_taxi.files.source import Source
    from nyc_taxi.files.source_list import SourceList

_TRIED = tuple(("green", Month(text)) for text in ("2021-01", "2024-01"))


class NycTlcHook(BaseHook):
    """Asks the sources of a connection about months.

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

        :raises InvalidSource: when the connection lists something that is not a source
        :raises ConnectionNotFound: when Airflow does not find the connection
        """
        with expected(self.tlc_conn_id, self.conn_type):
            return self._parse(self.get_connection(self.tlc_conn_id))

    async def asources(self) -> SourceList:
        """Return the connection's sources from within an event loop; see :meth:`sources`."""
        with expected(self.tlc_conn_id, self.conn_type):
            return self._parse(await self.aget_connection(self.tlc_conn_id))

    def ask(self, dataset: str, month: Month) -> Publication:
        """Ask the first source that covers a month about its file, with one request.

        :raises TransientError: when the source does not answer
        :raises SourceRefused: when it answers with a status that a retry will not change
        """
        return self.sources().ask(dataset, month)

    def test_connection(self) -> tuple[bool, str]:
        """Ask each source about one month that it covers, and return what they answered."""
        try:
            answers = [_test(source) for source in self.sources().sources]
        except TaxiError as error:
            return False, str(error)
        return all(well for well, _ in answers), "; ".join(text for _, text in answers) + "."

    def _parse(self, connection: Connection) -> SourceList:
        from nyc_taxi.files.source_list import SourceList

        try:
            # Not extra_dejson, which must not be called from an event loop.
            sources = json.loads(connection.extra or "{}").get("sources") or ""
        except (ValueError, AttributeError):
            sources = None
        if not isinstance(sources, str):
            raise InvalidSource(
                f"The extra of the connection {self.tlc_conn_id} is not a JSON object like "
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
            has = "has" if answer.state is State.PUBLISHED else "does not have"
            return True, f"{source.name} answers and {has} {dataset} {month}"
    return True, f"{source.name} was not asked, because it covers none of the months of this test"
