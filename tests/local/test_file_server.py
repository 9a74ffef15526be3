"""The demo's web server behaves as the sources of the files do."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest
import requests
import uvicorn

from local.file_server import application
from tests.waiting import HANGS, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = b"\x1f\x8bsome bytes"


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "samples"
    (folder / "green").mkdir(parents=True)
    (folder / "green" / "month.csv.gz").write_bytes(CONTENT)
    (tmp_path / "secret").write_text("not served")
    server = uvicorn.Server(uvicorn.Config(application(folder), log_level="warning"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        eventually(lambda: server.started)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def test_head_and_get_agree(base: str) -> None:
    head, get = (
        requests.request(how, f"{base}/green/month.csv.gz", timeout=HANGS) for how in ("HEAD", "GET")
    )
    assert (head.content, get.content) == (b"", CONTENT)
    for name in ("ETag", "Last-Modified", "Content-Length", "Content-Type"):
        assert head.headers[name] == get.headers[name]
    assert "Content-Encoding" not in get.headers


def test_the_entity_tag_is_strong_and_changes_with_the_file(base: str, tmp_path: Path) -> None:
    url = f"{base}/green/month.csv.gz"
    before = requests.head(url, timeout=HANGS).headers["ETag"]
    assert before.startswith('"')
    assert requests.head(url, timeout=HANGS).headers["ETag"] == before
    (tmp_path / "samples" / "green" / "month.csv.gz").write_bytes(CONTENT[::-1])
    assert requests.head(url, timeout=HANGS).headers["ETag"] != before


def test_a_transfer_can_be_resumed_while_the_file_is_the_same(base: str) -> None:
    url = f"{base}/green/month.csv.gz"
    tag = requests.head(url, timeout=HANGS).headers["ETag"]
    rest = requests.get(url, headers={"Range": "bytes=2-", "If-Range": tag}, timeout=HANGS)
    assert (rest.status_code, rest.content) == (206, CONTENT[2:])
    assert rest.headers["Content-Range"] == "bytes 2-11/12"
    whole = requests.get(url, headers={"Range": "bytes=2-", "If-Range": '"another"'}, timeout=HANGS)
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert requests.get(url, headers={"Range": "bytes=12-"}, timeout=HANGS).status_code == 416


@pytest.mark.parametrize("path", ["/green/other.csv.gz", "/green", "/%2e%2e/secret", "/..%2fsecret"])
def test_nothing_else_is_served(base: str, path: str) -> None:
    assert requests.get(base + path, timeout=HANGS).status_code == 404


def test_products_come_in_pages(base: str) -> None:
    found: list[dict[str, object]] = []
    while True:
        answer = requests.get(f"{base}/products", {"limit": 50, "skip": len(found)}, timeout=HANGS).json()
        found += answer["products"]
        if len(found) >= answer["total"]:
            break
    assert [product["id"] for product in found] == list(range(1, 195))
    assert len({"brand" in product for product in found}) == 2
    assert requests.get(f"{base}/products", {"skip": "-1"}, timeout=HANGS).status_code == 400
