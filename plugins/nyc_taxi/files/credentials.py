"""Headers that a source asks for before it serves a file, and the one server that receives them."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from nyc_taxi.errors import InvalidSource

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[!-~](?:[ !-~]*[!-~])?")
_PORTS: Final = {"http": 80, "https": 443}
_OURS: Final = frozenset(
    {"accept-encoding", "connection", "content-length", "host", "if-range", "range", "transfer-encoding"}
)
"""Headers that a request sets itself."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Headers for one server; no other one receives them.

    :param server: an address of that server
    :param headers: the headers, whose values are secrets
    """

    server: str
    headers: Mapping[str, str] = field(repr=False, hash=False)

    def for_url(self, url: str) -> Mapping[str, str]:
        """Return the headers for a request to an address; none unless it is on the server."""
        return self.headers if origin(url) == origin(self.server) else {}


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return the scheme, host and port of an address: what identifies a server."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def secret_headers(
    login: str | None, password: str | None, token: str | None, others: Mapping[str, str]
) -> dict[str, str]:
    """Return the headers that stand for a user, a bearer token, or other secrets.

    :raises InvalidSource: when one cannot be sent as a header, or more than one is an ``Authorization``
    """
    headers = dict(others)
    ways = [name for name in headers if name.lower() == "authorization"]
    if login or password:
        ways.append("user and password")
        pair = f"{login or ''}:{password or ''}".encode()
        headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
    if token:
        ways.append("token")
        headers["Authorization"] = f"Bearer {token}"
    if len(ways) > 1:
        raise InvalidSource(
            f"The connection has more than one authorization: {', '.join(ways)}. Keep one of them."
        )
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise InvalidSource(
                f"The connection's secret headers contain the name {name[:40]!r}, which cannot be "
                "set. Correct it."
            )
        if not _VALUE.fullmatch(value):
            raise InvalidSource(
                f"The connection's value for the header {name[:40]} is empty, or contains a blank at its "
                "end, a line end or a letter outside ASCII. Correct it."
            )
    return headers
