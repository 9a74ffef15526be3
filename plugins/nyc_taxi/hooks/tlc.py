"""The connection that lists where the monthly files come from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.log import amask_secret, mask_secret

from nyc_taxi import settings
from nyc_taxi.core.month import Month
from nyc_taxi.errors import InvalidSource, TaxiError
from nyc_taxi.files.publication import Publication, State
from nyc_taxi.hooks.connection import expected, without_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Connection

    from nyc_taxi.files.source import Source
    from nyc_taxi.files.source_list import SourceList

_TRIED = tuple(("green", Month(text)) for text in ("2021-01", "2024-01"))


class NycTlcHook(BaseHook):
    """Asks the sources of a connection about months.

    The sources are in the connection's extra. Its login and password, or the ``token`` and ``secret_headers``
    of its extra, are sent to the one server that the sources name by its address.

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
            connection = self.get_connection(self.tlc_conn_id)
        text, secret = self._read(connection)
        for value in secret.values():
            mask_secret(value)
        return self._parse(text, secret)

    async def asources(self) -> SourceList:
        """Return the connection's sources from within an event loop; see :meth:`sources`."""
        with expected(self.tlc_conn_id, self.conn_type):
            connection = await self.aget_connection(self.tlc_conn_id)
        text, secret = self._read(connection)
        for value in secret.values():
            await amask_secret(value)
        return self._parse(text, secret)

    def ask(self, dataset: str, month: Month) -> Publication:
        """Ask the first source that covers a month about its file, with one request.

        :raises TransientError: when the source does not answer
        :raises SourceRefused: when it answers with a status that a retry will not change
        """
        return self.sources().ask(dataset, month)

    def answers(self) -> list[tuple[str, bool, str]]:
        """Ask each source about one month that it covers.

        :returns: of each source its name, whether it answered, and what it answered
        :raises TaxiError: when the connection does not list sources
        """
        return [_asked(source) for source in self.sources().sources]

    def test_connection(self) -> tuple[bool, str]:
        """Ask each source about one month that it covers, and return what they answered."""
        try:
            answers = self.answers()
        except TaxiError as error:
            return False, without_id(str(error), self.tlc_conn_id)
        return all(well for _, well, _ in answers), "; ".join(text for *_, text in answers) + "."

    def _read(self, connection: Connection) -> tuple[str, dict[str, str]]:
        """Return the list of sources, and the headers that are secrets."""
        from nyc_taxi.files.credentials import secret_headers

        for name in ("host", "port", "schema"):
            if getattr(connection, name):
                raise InvalidSource(
                    f"The connection {self.tlc_conn_id} has a {name}, which is not used. Remove it, and put "
                    "the server's whole address into the sources."
                )
        try:
            # Not extra_dejson, which must not be called from an event loop.
            extra = {name: value for name, value in json.loads(connection.extra or "{}").items() if value}
        except (ValueError, AttributeError):
            extra = {"sources": None}
        text, token, headers = (
            extra.pop("sources", ""),
            extra.pop("token", ""),
            extra.pop("secret_headers", {}),
        )
        if not isinstance(text, str) or not isinstance(token, str):
            raise InvalidSource(
                f"The extra of the connection {self.tlc_conn_id} is not a JSON object like "
                '{"sources": "mirror, tlc"}. Correct the connection.'
            )
        if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
            raise InvalidSource(
                f"The secret_headers of the connection {self.tlc_conn_id} are not a JSON object like "
                '{"X-Api-Key": "…"}. Correct the connection.'
            )
        if extra:
            raise InvalidSource(
                f"The extra of the connection {self.tlc_conn_id} has {', '.join(sorted(extra))[:100]!r}, "
                "which is not used. Use sources, token or secret_headers."
            )
        return text, secret_headers(connection.login, connection.password, token, headers)

    def _parse(self, text: str, secret: Mapping[str, str]) -> SourceList:
        from nyc_taxi.files.source_list import SourceList

        return SourceList.parse(text, secret)


def _asked(source: Source) -> tuple[str, bool, str]:
    for dataset, month in _TRIED:
        if source.folder or source.covers(dataset, month):
            try:
                answer = source.ask(dataset, month)
            except TaxiError as error:
                return source.name, False, str(error).rstrip(".")
            has = "has" if answer.state is State.PUBLISHED else "does not have"
            return source.name, True, f"{source.name} answers and {has} {dataset} {month}"
    return (
        source.name,
        True,
        f"{source.name} was not asked, because it covers none of the months of this test",
    )
