"""The web server of the demo: the sample months as the mirror serves them, and a page of products.

Run as ``python -m local.file_server FOLDER PORT``; it listens on 127.0.0.1 only, unless an address follows.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

_TYPES = {
    ".gz": "application/gzip",
    ".csv": "text/csv; charset=utf-8",
    ".parquet": "application/octet-stream",
}
_GOODS = (
    "Meter",
    "Roof light",
    "Seat cover",
    "Card reader",
    "Map of the zones",
    "Phone holder",
    "Receipt roll",
)
_BRANDS = ("Checker", "Crown", "Medallion", None)
_PRODUCTS = 194


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path, port: int, address: str = "127.0.0.1") -> None:
        super().__init__((address, port), _Handler)
        self.folder = folder.resolve()


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for files below the folder, with entity tag, time of change and size.

    A request for the rest of a file from some byte on gets it, as long as the file is the one it began with.
    """

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *arguments: object) -> None:
        print(f"{self.log_date_time_string()} {format % arguments}", flush=True)

    def _answer(self, *, with_body: bool) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/products":
            self._products(parse_qs(parts.query), with_body=with_body)
            return
        path = (self.server.folder / unquote(parts.path).lstrip("/")).resolve()
        if not path.is_relative_to(self.server.folder) or not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            tag = f'"{about.st_mtime_ns:x}-{about.st_size:x}"'
            start = self._start(tag)
            if start and start >= about.st_size:
                self._refuse_part(about.st_size)
                return
            self.send_response(HTTPStatus.OK if start is None else HTTPStatus.PARTIAL_CONTENT)
            if start is not None:
                self.send_header("Content-Range", f"bytes {start}-{about.st_size - 1}/{about.st_size}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Type", _TYPES.get(path.suffix, "application/octet-stream"))
            self.send_header("Content-Length", str(about.st_size - (start or 0)))
            self.send_header("Last-Modified", formatdate(about.st_mtime, usegmt=True))
            self.send_header("ETag", tag)
            self.end_headers()
            if with_body:
                file.seek(start or 0)
                shutil.copyfileobj(file, self.wfile, 1 << 20)

    def _start(self, tag: str) -> int | None:
        """Return the byte from which the rest is asked for, or None when all of the file is."""
        asked = re.fullmatch(r"bytes=(\d{1,18})-", self.headers.get("Range", ""))
        return int(asked[1]) if asked and self.headers.get("If-Range", tag) == tag else None

    def _refuse_part(self, size: int) -> None:
        self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        self.send_header("Content-Range", f"bytes */{size}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _products(self, query: dict[str, list[str]], *, with_body: bool) -> None:
        try:
            limit, skip = (
                int(query.get(name, [default])[0]) for name, default in (("limit", "30"), ("skip", "0"))
            )
            if limit < 0 or skip < 0:
                raise ValueError
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST, "limit and skip are numbers from 0")
            return
        body = json.dumps(page(limit, skip)).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)


def page(limit: int, skip: int) -> dict[str, object]:
    """Return one page of products, as public test APIs have them; some have no brand.

    :param limit: products on the page; 0 for all
    :param skip: products before the page
    """
    products = [_product(number) for number in range(1, _PRODUCTS + 1)][skip:]
    shown = products[:limit] if limit else products
    return {"products": shown, "total": _PRODUCTS, "skip": skip, "limit": len(shown)}


def _product(number: int) -> dict[str, object]:
    brand = _BRANDS[number * 7 % len(_BRANDS)]
    product: dict[str, object] = {
        "id": number,
        "title": f"{_GOODS[number % len(_GOODS)]} {number}",
        "category": "taxi",
        "price": round(4.99 + number * 37 % 900 / 10, 2),
        "rating": round(1 + number * 13 % 40 / 10, 2),
        "stock": number * 11 % 100,
    }
    return product if brand is None else {**product, "brand": brand}


def serve(folder: Path, port: int, address: str = "127.0.0.1") -> None:
    """Serve the folder until the process is ended."""
    with _Server(folder, port, address) as server:
        server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4])
