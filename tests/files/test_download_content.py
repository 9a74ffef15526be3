"""The bytes decide what a file is, whatever its name, its type and its encoding say."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import NotTheFile, TruncatedFile
from nyc_taxi.files.download import download
from nyc_taxi.files.publication import State
from nyc_taxi.files.source_list import SourceList
from tests.file_server import FileServer, Reply
from tests.files.downloads import JANUARY, PATH, left_in, publication

if TYPE_CHECKING:
    from pathlib import Path

CSV = b"VendorID,lpep_pickup_datetime\r\n2,2021-01-01 00:15:56\r\n"
PACKED = gzip.compress(CSV, mtime=0)
PARQUET = b"PAR1" + bytes(40) + b"PAR1"
PAGE = b"\xef\xbb\xbf\n <!DOCTYPE html>\n<title>Sign in</title>"
KINDS = {".csv": CSV, ".csv.gz": PACKED, ".parquet": PARQUET}
STORED = {"ETag": '"1"', "Content-Type": "text/csv"}


@pytest.mark.parametrize("named", [".csv.gz", ".csv", ".parquet", "", ".php"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_decide_what_a_file_is(
    file_server: FileServer, tmp_path: Path, kind: str, named: str
) -> None:
    file_server.put(f"/any{named}", KINDS[kind])
    file = download(publication(f"{file_server.url}/any{named}"), tmp_path)
    assert file.path == tmp_path / f"green_tripdata_2021-01{kind}"
    assert file.path.read_bytes() == KINDS[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "declared", ["text/html; charset=utf-8", "application/xml", "application/json", None]
)
def test_a_server_that_calls_a_file_a_page_or_gives_no_type_is_not_believed(
    file_server: FileServer, tmp_path: Path, kind: str, declared: str | None
) -> None:
    headers = {"ETag": '"1"'} | ({"Content-Type": declared} if declared else {})
    file_server.answer(PATH, Reply(KINDS[kind], headers=headers))
    answer = SourceList.parse(file_server.url).ask("green", JANUARY)
    assert answer.state is State.PUBLISHED
    assert download(answer, tmp_path).path.read_bytes() == KINDS[kind]
    assert file_server.count("HEAD") == 1


@pytest.mark.parametrize("page", [PAGE, gzip.compress(PAGE), b"<Error/>", b'{"error": "denied"}', b"[1]"])
@pytest.mark.parametrize("declared", ["application/gzip", "text/html"])
def test_a_page_is_recognised_by_its_content(
    file_server: FileServer, tmp_path: Path, page: bytes, declared: str
) -> None:
    file_server.answer(PATH, Reply(page, headers={"Content-Type": declared}))
    with pytest.raises(NotTheFile, match=r"is a page, not a file\. Check the source's"):
        download(publication(file_server.url + PATH), tmp_path)
    assert left_in(tmp_path) == []


ON_THE_WAY = {
    "added, and said": (
        Reply(gzip.compress(PARQUET), headers={**STORED, "Content-Encoding": "gzip"}),
        PARQUET,
    ),
    "added, and not said": (Reply(gzip.compress(PARQUET), headers=STORED), PARQUET),
    "added to a gzip": (Reply(gzip.compress(PACKED), headers={**STORED, "Content-Encoding": "gzip"}), PACKED),
    "said of a gzip as stored": (Reply(PACKED, headers={**STORED, "Content-Encoding": "gzip"}), PACKED),
    "removed": (Reply(CSV, chunked=True, headers=STORED), CSV),
    "a word that is none": (Reply(CSV, headers={**STORED, "Content-Encoding": "utf-8"}), CSV),
    "left there by an upload": (Reply(PACKED, headers={**STORED, "Content-Encoding": "aws-chunked"}), PACKED),
}


@pytest.mark.parametrize(("reply", "stored"), ON_THE_WAY.values(), ids=ON_THE_WAY)
def test_an_encoding_that_was_added_or_removed_on_the_way_does_not_matter(
    file_server: FileServer, tmp_path: Path, reply: Reply, stored: bytes
) -> None:
    file_server.answer(PATH, reply)
    answer = SourceList.parse(file_server.url).ask("green", JANUARY)
    file = download(answer, tmp_path)
    assert file.path.read_bytes() == stored
    assert file.sha256 == hashlib.sha256(stored).hexdigest()
    assert left_in(tmp_path) == [file.path.name]
    assert answer.same_file(url=file.url, etag=None, last_modified=None, bytes=file.bytes) is False
    assert answer.same_file(url=file.url, etag=file.etag, last_modified=None, bytes=file.bytes)


@pytest.mark.parametrize("encoding", ["br", "zstd", "Deflate"])
def test_an_encoding_that_was_not_asked_for_and_cannot_be_told_is_named(
    file_server: FileServer, tmp_path: Path, encoding: str
) -> None:
    file_server.answer(PATH, Reply(b"\x8b\x02\x80abc", headers={"Content-Encoding": encoding}))
    with pytest.raises(NotTheFile, match=f"was sent with Content-Encoding {encoding}, which"):
        download(publication(file_server.url + PATH), tmp_path)
    file_server.answer(PATH, Reply(PACKED, headers={"Content-Encoding": encoding}))
    assert download(publication(file_server.url + PATH), tmp_path).path.read_bytes() == PACKED


def test_a_file_that_was_packed_on_the_way_and_cut_is_said_to_be_cut(
    file_server: FileServer, tmp_path: Path
) -> None:
    packed = gzip.compress(PARQUET)
    for damaged in (packed[:-8], packed[:-8] + bytes(8)):
        file_server.answer(PATH, Reply(damaged, headers={"Content-Encoding": "gzip"}))
        with pytest.raises(TruncatedFile, match="was packed on the way, and cannot be unpacked"):
            download(publication(file_server.url + PATH), tmp_path)
        assert left_in(tmp_path) == []


def test_an_interrupted_transfer_of_a_packed_file_is_resumed(file_server: FileServer, tmp_path: Path) -> None:
    whole = Reply(gzip.compress(PARQUET), headers={**STORED, "Content-Encoding": "gzip"})
    file_server.answer(PATH, replace(whole, cut=20), whole)
    assert download(publication(file_server.url + PATH), tmp_path).path.read_bytes() == PARQUET
    assert file_server.ranges == [None, "bytes=20-"]


@pytest.mark.parametrize(
    ("reply", "proven"),
    [
        (Reply(CSV), True),
        (Reply(CSV, chunked=True), False),
        (Reply(CSV, sized=False), False),
    ],
    ids=["stated", "chunked", "end of the connection"],
)
def test_a_length_that_the_server_stated_proves_a_file_whole(
    file_server: FileServer, tmp_path: Path, reply: Reply, proven: bool
) -> None:
    file_server.answer(PATH, reply)
    assert download(publication(file_server.url + PATH), tmp_path).length_proven is proven


def test_the_length_of_a_file_in_a_folder_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "green_tripdata_2021-01.csv").write_bytes(CSV)
    answer = SourceList.parse(str(tmp_path)).ask("green", JANUARY)
    assert not download(answer, tmp_path / "to").length_proven


def test_an_answer_with_secrets_of_no_server_is_plain_json(file_server: FileServer) -> None:
    file_server.put(PATH, PACKED)
    sources = SourceList.parse(file_server.url, {"X-Key": "hunter2"})
    assert "hunter2" not in json.dumps(sources.ask("green", JANUARY).to_json())
    assert "hunter2" not in repr(sources)
