from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import stat
import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from nyc_taxi.core.month import Month
from nyc_taxi.errors import (
    ContractError,
    DownloadInterrupted,
    NeverInSource,
    NotPublishedYet,
    NotTheFile,
    SourceRefused,
    SourceUnreachable,
    TaxiError,
    TransientError,
    TruncatedFile,
)
from nyc_taxi.files import partial_file
from nyc_taxi.files.download import File, Limits, download
from nyc_taxi.files.publication import Publication, State
from nyc_taxi.files.source_list import SourceList
from tests.file_server import FileServer, Reply
from tests.files.downloads import CHANGED, JANUARY, NAME, PATH, TRIPS, left_in, publication

if TYPE_CHECKING:
    from pathlib import Path
PARQUET = b"PAR1" + bytes(40) + b"PAR1"


@pytest.fixture
def published(file_server: FileServer) -> Publication:
    """The server's answer about a file that it then serves as the test decides."""
    return publication(file_server.url + PATH)


# A file that arrives


def test_a_file_arrives_whole_under_a_name_of_dataset_and_month(
    file_server: FileServer, tmp_path: Path
) -> None:
    content = random.Random(1).randbytes(3_500_000)
    content = b"\x1f\x8b" + content
    file_server.put(PATH, content, etag='"abc"', last_modified=CHANGED)
    answer = SourceList.parse(file_server.url).ask("green", JANUARY)
    file = download(answer, tmp_path / "new" / "folder")
    path = tmp_path / "new" / "folder" / NAME
    assert file == File(
        path=path,
        url=file_server.url + PATH,
        etag='"abc"',
        last_modified=CHANGED,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        length_proven=True,
    )
    assert path.read_bytes() == content
    assert left_in(path.parent) == [NAME]
    assert file_server.requests == [("HEAD", PATH), ("GET", PATH)]
    assert answer.same_file(url=file.url, etag=file.etag, last_modified=file.last_modified, bytes=file.bytes)


def test_only_the_owner_may_read_the_file(
    file_server: FileServer, published: Publication, tmp_path: Path
) -> None:
    file_server.put(PATH, TRIPS)
    assert stat.S_IMODE(download(published, tmp_path).path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "reply",
    [
        Reply(TRIPS, headers={"Content-Encoding": "gzip", "Content-Type": "text/csv"}),
        Reply(TRIPS, headers={"Content-Encoding": "gzip"}, chunked=True),
        Reply(TRIPS, chunked=True, piece=7),
        Reply(TRIPS, sized=False),
        Reply(TRIPS, piece=100, pause=0.01),
        Reply(TRIPS, headers={"Content-Disposition": 'attachment; filename="../../evil.sh"'}),
    ],
    ids=["content-encoding", "content-encoding chunked", "chunked", "unsized", "slow", "named by the server"],
)
def test_the_bytes_are_kept_as_the_source_stores_them(
    file_server: FileServer, published: Publication, tmp_path: Path, reply: Reply
) -> None:
    file_server.answer(PATH, reply)
    file = download(published, tmp_path)
    assert (file.bytes, file.sha256) == (len(TRIPS), hashlib.sha256(TRIPS).hexdigest())
    assert file.path.read_bytes() == TRIPS
    assert left_in(tmp_path) == [NAME]


def test_what_the_get_says_about_the_file_counts_and_not_what_was_said_before(
    file_server: FileServer, tmp_path: Path
) -> None:
    file_server.put(PATH, b"old", etag='"old"')
    answer = SourceList.parse(file_server.url).ask("green", JANUARY)
    file_server.put(PATH, TRIPS, etag='"new"', last_modified=CHANGED)
    file = download(answer, tmp_path)
    assert (file.etag, file.last_modified, file.bytes) == ('"new"', CHANGED, len(TRIPS))
    assert not answer.same_file(
        url=file.url, etag=file.etag, last_modified=file.last_modified, bytes=file.bytes
    )


@pytest.mark.parametrize(
    ("suffix", "content"), [(".csv.gz", TRIPS), (".csv", b"VendorID\r\n2\r\n"), (".parquet", PARQUET)]
)
def test_the_name_keeps_the_kind_of_the_file(
    file_server: FileServer, tmp_path: Path, suffix: str, content: bytes
) -> None:
    file_server.put(f"/any{suffix}", content)
    file = download(publication(f"{file_server.url}/any{suffix}"), tmp_path)
    assert file.path == tmp_path / f"green_tripdata_2021-01{suffix}"


def test_a_file_that_is_there_is_replaced(
    file_server: FileServer, published: Publication, tmp_path: Path
) -> None:
    (tmp_path / NAME).write_bytes(b"of yesterday")
    file_server.put(PATH, TRIPS)
    assert download(published, tmp_path).path.read_bytes() == TRIPS


def test_two_downloads_of_one_file_do_not_disturb_each_other(
    file_server: FileServer, published: Publication, tmp_path: Path
) -> None:
    file_server.answer(PATH, Reply(TRIPS, piece=20, pause=0.01))
    files: list[File] = []
    threads = [threading.Thread(target=lambda: files.append(download(published, tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [file.bytes for file in files] == [len(TRIPS)] * 4
    assert (tmp_path / NAME).read_bytes() == TRIPS
    assert left_in(tmp_path) == [NAME]


@pytest.mark.parametrize(("chunked", "total"), [(False, 1_000_000), (True, None)])
def test_progress_is_reported_now_and_then_and_at_the_end(
    file_server: FileServer, published: Publication, tmp_path: Path, chunked: bool, total: int | None
) -> None:
    reported: list[tuple[int, int | None]] = []
    file_server.answer(PATH, Reply(b"\x1f\x8b" + bytes(999_998), piece=1000, chunked=chunked))
    download(published, tmp_path, progress=lambda received, total: reported.append((received, total)))
    assert reported == sorted(reported)
    assert reported[-1] == (1_000_000, total)
    assert len(reported) <= 21


def test_progress_is_reported_each_second_of_a_slow_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, reported = [100.0], []
    monkeypatch.setattr(partial_file, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with (tmp_path / "part").open("w+b") as file:
        slow = partial_file.PartialFile("http://x", file, lambda received, total: reported.append(received))
        slow.begin(None, None, None)
        for _ in range(10):
            now[0] += 0.4
            slow.write(b"x")
        slow.finish()
    assert reported == [3, 6, 9, 10]


# A file that does not

HALF = len(TRIPS) // 2
FAILURES: list[tuple[str, type[TaxiError], str]] = [
    ("truncated", DownloadInterrupted, f"ended after {HALF} of {len(TRIPS)} bytes"),
    ("truncated chunks", DownloadInterrupted, f"ended after {HALF} bytes"),
    ("reset", DownloadInterrupted, f"of {len(TRIPS)} bytes: .*Try again"),
    ("longer than sent", DownloadInterrupted, f"ended after {len(TRIPS)} of {len(TRIPS) + 1} bytes"),
    ("drip", DownloadInterrupted, "the time limit for a whole file was exceeded"),
    ("stall", DownloadInterrupted, "timed out. Try again"),
    ("slow to answer", SourceUnreachable, "does not respond: timed out"),
    ("empty", NotTheFile, "is empty"),
    ("page", NotTheFile, "is a page, .* '<!DOCTYPE html> <title>Log in to the airport network"),
    ("page in disguise", NotTheFile, "is a page, .* '<html><title>Sign in"),
    ("xml error", NotTheFile, "is a page, .* '<Error><Code>NoSuchKey"),
    ("redirect loop", SourceRefused, "redirects more than 10 times"),
    ("missing", SourceUnreachable, "was published, and now answers 404"),
    ("denied", SourceUnreachable, "was published, and now answers 403"),
    ("too many requests", SourceUnreachable, "answered GET with 429 .*Retry-After '120'"),
    ("broken", SourceUnreachable, "answered GET with 500"),
    ("unavailable", SourceUnreachable, "answered GET with 503"),
]


IMPATIENT = {
    "drip": Limits(total=2, tries=1),
    "stall": Limits(read=0.5, tries=1),
    "slow to answer": Limits(read=0.5, tries=1),
}
"""The limits that a fault has to exceed, each alone, so that a slow machine exceeds no other one."""


@pytest.mark.parametrize(("fault", "error", "says"), FAILURES, ids=[fault for fault, *_ in FAILURES])
def test_a_failed_download_is_one_clear_error_and_leaves_nothing(
    file_server: FileServer,
    published: Publication,
    tmp_path: Path,
    fault: str,
    error: type[TaxiError],
    says: str,
) -> None:
    file_server.put(PATH, TRIPS, fault=fault)
    started = time.monotonic()
    with pytest.raises(error, match=says) as caught:
        download(published, tmp_path, limits=IMPATIENT.get(fault, Limits(tries=1)))
    assert time.monotonic() - started < 20
    assert file_server.url in str(caught.value)
    assert left_in(tmp_path) == []


def test_the_limit_for_the_whole_file_counts_while_nothing_arrives(
    file_server: FileServer, published: Publication, tmp_path: Path
) -> None:
    file_server.put(PATH, TRIPS, fault="stall")
    started = time.monotonic()
    with pytest.raises(DownloadInterrupted):
        download(published, tmp_path, limits=Limits(total=0.5))
    assert time.monotonic() - started < 20


def test_a_failed_download_keeps_what_was_there(
    file_server: FileServer, published: Publication, tmp_path: Path
) -> None:
    (tmp_path / NAME).write_bytes(b"of yesterday")
    file_server.put(PATH, TRIPS, fault="truncated")
    with pytest.raises(DownloadInterrupted):
        download(published, tmp_path, limits=Limits(tries=1))
    assert left_in(tmp_path) == [NAME]
    assert (tmp_path / NAME).read_bytes() == b"of yesterday"


@pytest.mark.parametrize("status", [204, 206, 304, 400, 401, 405])
def test_an_answer_that_is_no_file_is_refused(
    file_server: FileServer, published: Publication, tmp_path: Path, status: int
) -> None:
    file_server.answer(PATH, Reply(status=status))
    with pytest.raises(SourceRefused, match=f"{file_server.url}{PATH} answered GET with {status}"):
        download(published, tmp_path)


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1PAR1", PARQUET[:-1]])
def test_a_parquet_file_without_its_end_is_said_to_be_cut(
    file_server: FileServer, published: Publication, tmp_path: Path, content: bytes
) -> None:
    file_server.put(PATH, content)
    with pytest.raises(TruncatedFile, match=f"is a Parquet file .* breaks off after {len(content)} bytes"):
        download(published, tmp_path)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, ValueError])
def test_a_download_that_is_stopped_leaves_nothing(
    file_server: FileServer, published: Publication, tmp_path: Path, interrupt: type[BaseException]
) -> None:
    def stop(received: int, total: int | None) -> None:
        raise interrupt

    file_server.put(PATH, TRIPS)
    with pytest.raises(interrupt):
        download(published, tmp_path, progress=stop)
    assert left_in(tmp_path) == []


def test_a_full_disk_is_said_with_the_place_and_the_size(
    file_server: FileServer, published: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pathlib.Path.replace", full)
    file_server.put(PATH, TRIPS)
    with pytest.raises(TransientError, match=f"{PATH} does not fit in {tmp_path}. Make room"):
        download(published, tmp_path)
    assert left_in(tmp_path) == []


def test_a_file_that_is_larger_than_the_free_disk_is_not_begun(
    file_server: FileServer, published: Publication, tmp_path: Path
) -> None:
    huge = shutil.disk_usage(tmp_path).free
    file_server.answer(PATH, Reply(TRIPS, length=huge))
    with pytest.raises(TransientError, match=f"{PATH} has {huge:,} bytes; {tmp_path} has [0-9,]+ free"):
        download(published, tmp_path)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"state": State.NOT_YET, "detail": "wait"}, NotPublishedYet),
        ({"state": State.NEVER, "detail": "choose another month"}, NeverInSource),
        ({"dataset": "../../etc/cron"}, ContractError),
    ],
)
def test_nothing_is_asked_for_a_file_that_cannot_be_had(
    file_server: FileServer,
    published: Publication,
    tmp_path: Path,
    values: dict[str, Any],
    error: type[TaxiError],
) -> None:
    with pytest.raises(error, match=values.get("detail")):
        download(replace(published, **values), tmp_path)
    assert file_server.requests == []


def test_the_real_month_arrives_from_its_folder_and_over_http(
    real_data: Path, file_server: FileServer, tmp_path: Path
) -> None:
    real = real_data / "real" / "green_tripdata_2020-04.csv.gz"
    file_server.put("/green/green_tripdata_2020-04.csv.gz", real.read_bytes())
    for text in (str(real.parent), file_server.url):
        answer = SourceList.parse(text).ask("green", Month("2020-04"))
        file = download(answer, tmp_path)
        assert (file.bytes, file.sha256[:8]) == (670_357, "902436d3")
