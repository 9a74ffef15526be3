"""An interrupted transfer is resumed, and two versions of a file are never mixed."""

from __future__ import annotations

import hashlib
import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import DownloadInterrupted, SourceUnreachable
from nyc_taxi.files.download import File, Limits, fetch
from tests.file_server import Reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.file_server import FileServer

PATH = "/green/green_tripdata_2021-01.csv"
OLD, NEW = (random.Random(seed).randbytes(300_000) for seed in (1, 2))
TAG = {"ETag": '"old"'}
QUICK = Limits(pause=0.01, total=30)


def get(file_server: FileServer, folder: Path, *replies: Reply, limits: Limits = QUICK) -> File:
    file_server.answer(PATH, *replies)
    return fetch(file_server.url + PATH, folder / "file.csv", limits=limits)


def whole(file: File, body: bytes) -> bool:
    return (
        file.path.read_bytes() == body
        and file.bytes == len(body)
        and file.sha256 == hashlib.sha256(body).hexdigest()
    )


CUT = Reply(OLD, headers=TAG, cut=100_000)
AGAIN = Reply(OLD, headers=TAG)
CHANGED = Reply(NEW, headers={"ETag": '"new"'})


def test_an_interrupted_transfer_is_resumed_where_it_ended(file_server: FileServer, tmp_path: Path) -> None:
    sent: list[int] = []
    file_server.answer(PATH, CUT, replace(CUT, cut=150_000), AGAIN)
    file = fetch(
        file_server.url + PATH,
        tmp_path / "file.csv",
        limits=QUICK,
        progress=lambda received, total: sent.append(received),
    )
    assert whole(file, OLD)
    assert file.etag == '"old"'
    assert file_server.ranges == [None, "bytes=100000-", "bytes=250000-"]
    assert sent == sorted(sent)


@pytest.mark.parametrize(
    ("then", "body"),
    [
        pytest.param((CHANGED,), NEW, id="changed etag"),
        pytest.param((replace(AGAIN, ranges=False),), OLD, id="200 to a range"),
        pytest.param((replace(AGAIN, shift=10), AGAIN), OLD, id="wrong content-range"),
        pytest.param((replace(AGAIN, shift=-10), AGAIN), OLD, id="content-range that overlaps"),
        pytest.param((Reply(OLD[:90_000], headers=TAG),), OLD[:90_000], id="416: shorter than what arrived"),
        pytest.param((replace(CUT, cut=0), Reply(status=503), AGAIN), OLD, id="several faults"),
        pytest.param((replace(CUT, reset=True, cut=50_000), CHANGED), NEW, id="reset, then changed"),
    ],
)
def test_what_is_not_the_rest_begins_anew(
    file_server: FileServer, tmp_path: Path, then: tuple[Reply, ...], body: bytes
) -> None:
    assert whole(get(file_server, tmp_path, CUT, *then), body)


@pytest.mark.parametrize(
    "headers", [{}, {"ETag": 'W/"weak"'}, {"Last-Modified": "Wed, 05 Oct 2022 10:30:00 GMT"}]
)
def test_without_a_strong_entity_tag_it_begins_anew(
    file_server: FileServer, tmp_path: Path, headers: dict[str, str]
) -> None:
    cut = Reply(OLD, headers=headers, cut=100_000)
    assert whole(get(file_server, tmp_path, cut, Reply(NEW, headers=headers)), NEW)
    assert file_server.ranges == [None, None]


def test_a_source_that_always_fails_is_given_up(file_server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadInterrupted, match=f"ended after 100,000 of {len(OLD):,} bytes"):
        get(file_server, tmp_path, replace(CUT, ranges=False))
    assert file_server.count("GET") == QUICK.tries
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("as_date", [True, False])
def test_a_source_that_asks_to_wait_is_left_alone_for_so_long(
    file_server: FileServer, tmp_path: Path, as_date: bool
) -> None:
    began = time.monotonic()
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    busy = Reply(status=429, headers={"Retry-After": later if as_date else "1"})
    assert whole(get(file_server, tmp_path, busy, AGAIN), OLD)
    assert time.monotonic() - began > 0.9


def test_a_source_that_asks_for_more_patience_than_there_is_fails_at_once(
    file_server: FileServer, tmp_path: Path
) -> None:
    busy = Reply(status=503, headers={"Retry-After": "3600"})
    with pytest.raises(SourceUnreachable, match=r"answered GET with 503.*Retry-After '3600'") as caught:
        get(file_server, tmp_path, busy, AGAIN)
    assert caught.value.retry_after == 3600
    assert file_server.count("GET") == 1


@pytest.mark.parametrize("status", [403, 404])
def test_a_file_that_was_taken_back_is_not_asked_for_again(
    file_server: FileServer, tmp_path: Path, status: int
) -> None:
    with pytest.raises(SourceUnreachable, match="Try again in some minutes"):
        get(file_server, tmp_path, CUT, Reply(status=status), AGAIN)
    assert file_server.count("GET") == 2


def test_a_body_that_comes_byte_by_byte_ends_at_the_limit(file_server: FileServer, tmp_path: Path) -> None:
    began = time.monotonic()
    slow = replace(AGAIN, piece=1, pause=0.01)
    with pytest.raises(DownloadInterrupted, match="the time limit for a whole file was exceeded"):
        get(file_server, tmp_path, slow, limits=Limits(read=30, total=2))
    assert time.monotonic() - began < 30
