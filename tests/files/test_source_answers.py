"""What servers answer that is not by the book, and is right."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import SourceRefused, SourceUnreachable
from nyc_taxi.files.download import download
from nyc_taxi.files.publication import State
from nyc_taxi.files.source_list import SourceList
from tests.file_server import FileServer, Reply
from tests.files.downloads import JANUARY, PATH, TRIPS
from tests.files.sources import at

if TYPE_CHECKING:
    from pathlib import Path

SIGNED = "/signed/file?X-Amz-Signature=hunter2"


@pytest.mark.parametrize("status", [400, 403, 405, 501])
@pytest.mark.parametrize("redirected", [True, False])
def test_head_denied_and_get_allowed_as_signed_storage_does(
    file_server: FileServer, tmp_path: Path, status: int, redirected: bool
) -> None:
    large = TRIPS + bytes(8_000_000)
    denied, here = Reply(status=status), Reply(large, headers={"ETag": '"1"'}, piece=1 << 16)
    path = "/signed/file" if redirected else PATH
    file_server.answer(PATH, Reply(status=302, headers={"Location": SIGNED}))
    file_server.answer(path, here)
    file_server.answer_head(path, denied)
    answer = SourceList.parse(file_server.url).ask("green", JANUARY)
    assert (answer.state, answer.etag, answer.bytes) == (State.PUBLISHED, '"1"', len(large))
    assert answer.url == file_server.url + PATH
    assert (file_server.count("HEAD"), file_server.count("GET")) == ((2, 2) if redirected else (1, 1))
    assert file_server.sent < len(large), "the body was read"
    assert download(answer, tmp_path).bytes == len(large)


def test_a_source_for_which_403_means_not_yet_is_asked_once(file_server: FileServer) -> None:
    file_server.answer("/trip-data/green_tripdata_2021-01.parquet", Reply(status=403))
    assert at("tlc", file_server).ask("green", JANUARY).state is State.NOT_YET
    assert file_server.count("GET") == 0


def test_a_server_that_denies_both_is_quoted_with_its_answer_to_get(file_server: FileServer) -> None:
    file_server.answer(PATH, Reply(status=403))
    with pytest.raises(SourceRefused, match="answered GET with 403 Forbidden: access was denied"):
        SourceList.parse(file_server.url).ask("green", JANUARY)


@pytest.mark.parametrize("status", [429, 503])
def test_a_source_that_asks_to_wait_is_asked_again_after_that_time(
    file_server: FileServer, status: int
) -> None:
    wait = 1 if status == 429 else 0
    busy = Reply(status=status, headers={"Retry-After": str(wait)})
    file_server.answer(PATH, busy, Reply(TRIPS))
    began = time.monotonic()
    assert SourceList.parse(file_server.url).ask("green", JANUARY).state is State.PUBLISHED
    assert time.monotonic() - began >= wait
    assert file_server.count("HEAD") == 2


@pytest.mark.parametrize("wait", ["31", "x", ""])
def test_a_source_that_asks_for_more_or_says_nothing_is_left_to_the_task(
    file_server: FileServer, wait: str
) -> None:
    file_server.answer(PATH, Reply(status=503, headers={"Retry-After": wait} if wait else {}))
    with pytest.raises(SourceUnreachable):
        SourceList.parse(file_server.url).ask("green", JANUARY)
    assert file_server.count("HEAD") == 1
