"""A real HTTP server on 127.0.0.1 whose answers a test decides, faults included."""

from __future__ import annotations

import hashlib
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from email.message import Message


@dataclass(frozen=True)
class Reply:
    """One answer.

    :param reason: the words after the status; the usual ones when None
    :param length: the Content-Length to claim; the true one when None
    :param sized: whether to claim a length at all; without one the connection's end ends the body
    :param chunked: whether to send the body in chunks, without a length
    :param cut: close the connection after that many bytes of the body
    :param reset: close it hard, so that the other side sees a connection reset
    :param delay: seconds before the answer begins
    :param piece: bytes to send at once
    :param pause: seconds between two pieces
    :param ranges: whether to answer a request for a part with that part, as long as If-Range holds
    :param shift: bytes by which such an answer begins later than it was asked to
    """

    body: bytes = b""
    status: int = 200
    reason: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    sized: bool = True
    chunked: bool = False
    cut: int | None = None
    reset: bool = False
    delay: float = 0.0
    piece: int = 1 << 20
    pause: float = 0.0
    ranges: bool = True
    shift: int = 0

    def part(self, asked: Message) -> Reply:
        """Return the answer to a request with these headers: the whole, a part of it, or a refusal."""
        found = re.fullmatch(r"bytes=(\d+)-", asked.get("Range", ""))
        if not found or not self.ranges or self.status != 200 or self.chunked:
            return self
        if asked.get("If-Range") not in {None, self.headers.get("ETag"), self.headers.get("Last-Modified")}:
            return self
        start, size = int(found[1]) + self.shift, len(self.body)
        if start >= size:
            return replace(self, status=416, body=b"", headers={"Content-Range": f"bytes */{size}"})
        headers = {**self.headers, "Content-Range": f"bytes {start}-{size - 1}/{size}"}
        return replace(self, status=206, body=self.body[start:], headers=headers)


FAULTS: Mapping[str, Callable[[Reply], Reply]] = {
    "truncated": lambda reply: replace(reply, cut=len(reply.body) // 2),
    "truncated chunks": lambda reply: replace(reply, chunked=True, cut=len(reply.body) // 2),
    "reset": lambda reply: replace(reply, cut=len(reply.body) // 2, reset=True),
    "longer than sent": lambda reply: replace(reply, length=len(reply.body) + 1),
    "empty": lambda reply: replace(reply, body=b""),
    "page": lambda reply: replace(
        reply,
        body=b"<!DOCTYPE html>\n<title>Log in to the airport network</title>",
        headers={"Content-Type": "text/html; charset=utf-8"},
    ),
    "page in disguise": lambda reply: replace(reply, body=b"<html><title>Sign in</title> " + b"please " * 40),
    "xml error": lambda reply: replace(
        reply, body=b"<Error><Code>NoSuchKey</Code></Error>", headers={"Content-Type": "application/xml"}
    ),
    "drip": lambda reply: replace(reply, piece=1, pause=0.05),
    "stall": lambda reply: replace(reply, piece=max(1, len(reply.body) // 2), pause=30.0),
    "slow to answer": lambda reply: replace(reply, delay=30.0),
    "redirect loop": lambda reply: Reply(status=302, headers={"Location": "?again"}),
    "missing": lambda reply: Reply(status=404),
    "denied": lambda reply: Reply(status=403),
    "too many requests": lambda reply: Reply(status=429, headers={"Retry-After": "120"}),
    "broken": lambda reply: Reply(status=500),
    "unavailable": lambda reply: Reply(status=503),
}
"""What can go wrong with a file, as a change of the answer that serves it."""


class FileServer:
    """Serves what :meth:`put` and :meth:`answer` were given, and 404 for everything else.

    Use it in a ``with`` statement. Query strings are ignored when a path is looked up.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        """Method and path of each request so far, in order."""
        self.headers: list[Message] = []
        """Headers of each request, in the same order."""
        self.ranges: list[str | None] = []
        """What part each GET asked for, in order."""
        self.sent = 0
        """Bytes of bodies sent so far."""
        self._replies: dict[str, list[Reply]] = {}
        self._heads: dict[str, Reply] = {}
        self._stopped = threading.Event()
        self._server = _Server(self)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Base address, without a final slash."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(
        self,
        path: str,
        body: bytes,
        *,
        fault: str | None = None,
        etag: str | None = "",
        last_modified: datetime | None = None,
        content_type: str | None = "application/octet-stream",
    ) -> None:
        """Publish a file under a path, or publish it anew.

        :param fault: name of what goes wrong with it, of :data:`FAULTS`
        :param etag: its entity tag; made from the content when empty, omitted when None
        """
        headers = {
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:16]}"' if etag == "" else etag,
            "Last-Modified": format_datetime(last_modified, usegmt=True) if last_modified else None,
            "Content-Type": content_type,
        }
        reply = Reply(body, headers={name: value for name, value in headers.items() if value is not None})
        self.answer(path, FAULTS[fault](reply) if fault else reply)

    def answer(self, path: str, *replies: Reply) -> None:
        """Answer the next requests for a path with these, one after another; the last one stays."""
        self._replies["/" + path.lstrip("/")] = list(replies)

    def answer_head(self, path: str, reply: Reply) -> None:
        """Answer HEAD for a path with this, whatever GET is answered with."""
        self._heads["/" + path.lstrip("/")] = reply

    def remove(self, path: str) -> None:
        """Answer 404 for a path from now on."""
        self._replies.pop("/" + path.lstrip("/"), None)

    def count(self, method: str) -> int:
        """Return how many requests of a method there were."""
        return sum(1 for seen, _ in self.requests if seen == method)

    def next_reply(self, method: str, path: str, headers: Message) -> Reply:
        """Note a request, and return the answer to it; as a proxy it is asked for whole addresses."""
        self.requests.append((method, path))
        self.headers.append(headers)
        if method == "HEAD" and (head := self._heads.get(urlsplit(path).path)):
            return head
        replies = self._replies.get(urlsplit(path).path, [Reply(b"not here", status=404)])
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than the server lives."""
        self._stopped.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, files: FileServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that hangs up is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self.server.files.ranges.append(self.headers.get("Range"))
        reply = self._begin()
        if reply.chunked:
            self._send(reply, wrap=lambda piece: b"%x\r\n%b\r\n" % (len(piece), piece), end=b"0\r\n\r\n")
        else:
            self._send(reply, wrap=bytes, end=b"")

    def do_HEAD(self) -> None:
        self._begin()

    def log_message(self, format: str, *arguments: object) -> None:
        """Stay silent."""

    def _begin(self) -> Reply:
        reply = self.server.files.next_reply(self.command, self.path, self.headers).part(self.headers)
        self.server.files.sleep(reply.delay)
        self.send_response(reply.status, reply.reason and reply.reason.encode().decode("latin-1"))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.sized:
            self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        return reply

    def _send(self, reply: Reply, wrap: Callable[[bytes], bytes], end: bytes) -> None:
        body = reply.body if reply.cut is None else reply.body[: reply.cut]
        for start in range(0, len(body), reply.piece):
            if start:
                self.server.files.sleep(reply.pause)
            piece = body[start : start + reply.piece]
            self.wfile.write(wrap(piece))
            self.server.files.sent += len(piece)
        if reply.cut is None:
            self.wfile.write(end)
        if reply.reset:
            time.sleep(0.1)  # so that what was sent is read before the reset throws it away
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if reply.reset or reply.cut is not None or reply.length is not None or not reply.sized:
            self.close_connection = True
