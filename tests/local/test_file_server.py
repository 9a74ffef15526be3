"""The demo's web server behaves as the sources of the files do."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import requests

from local.file_server import _Server, page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "samples"
    (folder / "green").mkdir(parents=True)
    (folder / "green" / "month.csv.gz").write_bytes(b"\x1f\x8bsome bytes")
    (tmp_path / "secret").write_text("not served")
    with _Server(folder, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_head_tells_what_get_sends(base: str) -> None:
    asked, got = (requests.request(how, f"{base}/green/month.csv.gz", timeout=60) for how in ("HEAD", "GET"))
    assert got.content == b"\x1f\x8bsome bytes"
    assert asked.content == b""
    for name in ("ETag", "Last-Modified", "Content-Length", "Content-Type"):
        assert asked.headers[name] == got.headers[name]
    assert got.headers["Content-Type"] == "application/gzip"


def test_the_entity_tag_changes_with_the_file(base: str, tmp_path: Path) -> None:
    url = f"{base}/green/month.csv.gz"
    before = requests.head(url, timeout=60).headers["ETag"]
    assert requests.head(url, timeout=60).headers["ETag"] == before
    (tmp_path / "samples" / "green" / "month.csv.gz").write_bytes(b"\x1f\x8bother bytes")
    assert requests.head(url, timeout=60).headers["ETag"] != before


def test_the_rest_of_a_file_can_be_had_while_the_file_is_the_same(base: str) -> None:
    url = f"{base}/green/month.csv.gz"
    tag = requests.head(url, timeout=60).headers["ETag"]
    rest = requests.get(url, headers={"Range": "bytes=2-", "If-Range": tag}, timeout=60)
    assert (rest.status_code, rest.content) == (206, b"some bytes")
    assert rest.headers["Content-Range"] == "bytes 2-11/12"
    whole = requests.get(url, headers={"Range": "bytes=2-", "If-Range": '"another"'}, timeout=60)
    assert (whole.status_code, whole.content) == (200, b"\x1f\x8bsome bytes")


def test_a_part_behind_the_end_is_refused_with_the_size(base: str) -> None:
    answer = requests.get(f"{base}/green/month.csv.gz", headers={"Range": "bytes=12-"}, timeout=60)
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */12")


@pytest.mark.parametrize("part", ["bytes=0-3", "bytes=-3", "bytes=0-1,4-5", "lines=1-", "bytes=x-"])
def test_other_parts_get_the_whole_file(base: str, part: str) -> None:
    answer = requests.get(f"{base}/green/month.csv.gz", headers={"Range": part}, timeout=60)
    assert (answer.status_code, answer.content) == (200, b"\x1f\x8bsome bytes")


@pytest.mark.parametrize(
    "path", ["/green/other.csv.gz", "/green", "/%2e%2e/secret", "/..%2fsecret", "//etc/passwd"]
)
def test_all_else_is_not_found(base: str, path: str) -> None:
    assert requests.get(base + path, timeout=60).status_code == 404


def test_products_come_in_pages(base: str) -> None:
    found: list[dict[str, object]] = []
    while True:
        answer = requests.get(f"{base}/products", {"limit": 50, "skip": len(found)}, timeout=60).json()
        found += answer["products"]
        if len(found) >= answer["total"]:
            break
    assert [product["id"] for product in found] == list(range(1, 195))
    assert any("brand" not in product for product in found)
    assert any("brand" in product for product in found)


def test_a_page_says_what_it_holds() -> None:
    last = page(30, 190)
    assert (last["total"], last["skip"], last["limit"]) == (194, 190, 4)


@pytest.mark.parametrize("query", ["limit=x", "skip=-1"])
def test_a_page_that_makes_no_sense_is_refused(base: str, query: str) -> None:
    assert requests.get(f"{base}/products?{query}", timeout=60).status_code == 400
