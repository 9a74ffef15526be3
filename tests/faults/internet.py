"""A small internet without a network: names and public addresses, all of them served by one test server."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from tests.file_server import FileServer

SOURCE = "http://files.example.org"
"""A public source."""
PUBLIC = "93.184.215.14"
INSIDE = "10.1.2.3"

NAMES: dict[str, Sequence[Sequence[str]]] = {
    "files.example.org": [[PUBLIC]],
    "cdn.example.org": [["140.82.121.3"]],
    "private.example.org": [[INSIDE]],
    "both.example.org": [[PUBLIC, INSIDE]],
    "metadata.example.org": [["169.254.169.254"]],
    "rebinding.example.org": [[PUBLIC], ["127.0.0.1"]],
    "flickering.example.org": [[], ["127.0.0.1"]],
    "mapped.example.org": [["::ffff:127.0.0.1"]],
    "translated.example.org": [["64:ff9b::a9fe:a9fe"]],
}
"""What each name resolves to, question after question; the last answer stays."""


class Internet:
    """Answers for the names above, and routes every public address to the server.

    :param server: who answers at all public addresses
    """

    def __init__(self, server: FileServer, patch: pytest.MonkeyPatch) -> None:
        self.connected: list[str] = []
        """Addresses that were connected to, in order."""
        self._asked: dict[str, int] = {}
        self._resolve = socket.getaddrinfo
        patch.setattr(socket, "getaddrinfo", self._answer)
        patch.setattr(socket, "socket", self._routing(int(server.url.rpartition(":")[2])))

    def _answer(self, host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in NAMES:
            return self._resolve(host, port, *arguments, **options)
        number = self._asked[name] = self._asked.get(name, -1) + 1
        found = NAMES[name][min(number, len(NAMES[name]) - 1)]
        if not found:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [answer for address in found for answer in self._resolve(address, port, *arguments, **options)]

    def _routing(self, port: int) -> type[socket.socket]:
        connected = self.connected

        class Routed(socket.socket):
            """Reaches the test's server instead of the internet, and nothing at all inside."""

            def connect(self, address: Any) -> None:
                connected.append(address[0])
                if address[0] not in {PUBLIC, "140.82.121.3", "127.0.0.1"}:
                    raise OSError(f"a connection to {address[0]}")
                super().connect(("127.0.0.1", port))
                self.reached = address

            def getpeername(self) -> Any:
                return getattr(self, "reached", None) or super().getpeername()

        return Routed
