"""A download goes on with what an earlier process left, and two versions of a file are never mixed."""

from __future__ import annotations

import hashlib
import logging
import random
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.core.month import Month
from nyc_taxi.errors import DiskFull, DownloadInterrupted, SourceUnreachable
from nyc_taxi.files.download import File, Limits, download
from nyc_taxi.files.kept import is_in
from nyc_taxi.files.publication import Publication, State
from tests.file_server import Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.file_server import FileServer

PATH = "/green/green_tripdata_2021-01.csv"
PART = "green_tripdata_2021-01.csv.part"
FILE = "green_tripdata_2021-01.csv"
OLD, NEW = (random.Random(seed).randbytes(300_000) for seed in (1, 2))
CHANGED = datetime(2022, 10, 5, 10, 30, tzinfo=UTC)
DATED = {"Last-Modified": format_datetime(CHANGED, usegmt=True)}
TAG = {"ETag": '"old"'}
ONCE = Limits(tries=1, pause=0.01, total=30)

AGAIN = Reply(OLD, headers=TAG)
CUT = replace(AGAIN, cut=100_000)
REPUBLISHED = Reply(NEW, headers={"ETag": '"new"'})


def get(
    server: FileServer, folder: Path, reply: Reply, *, etag: str | None = '"old"', dated: bool = False
) -> File:
    """Download what a source describes in a certain way, as one process does it."""
    server.answer(PATH, reply)
    publication = Publication(
        "green",
        Month("2021-01"),
        State.PUBLISHED,
        "test",
        server.url + PATH,
        datetime.now(UTC),
        etag=etag,
        last_modified=CHANGED if dated else None,
        bytes=len(reply.body) if dated else None,
    )
    return download(publication, folder, keep=True, limits=ONCE)


def cut(server: FileServer, folder: Path, reply: Reply = CUT) -> None:
    with pytest.raises(DownloadInterrupted):
        get(server, folder, reply)


def whole(file: File, body: bytes) -> bool:
    return (
        file.path.read_bytes() == body
        and file.bytes == len(body)
        and file.sha256 == hashlib.sha256(body).hexdigest()
    )


def test_a_part_is_gone_on_with(
    file_server: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nyc_taxi")
    cut(file_server, tmp_path)
    cut(file_server, tmp_path, replace(CUT, cut=70_000))
    assert whole(get(file_server, tmp_path, AGAIN), OLD)
    assert file_server.ranges == [None, "bytes=100000-", "bytes=170000-"]
    assert file_server.sent == len(OLD)
    url = file_server.url + PATH
    assert caplog.messages == [
        f"Goes on with an earlier download of {url} from byte {number} on."
        for number in ("100,000", "170,000")
    ]


@pytest.mark.parametrize("headers", [TAG, DATED, {"ETag": 'W/"weak"'}, {**TAG, **DATED}])
@pytest.mark.parametrize("sized", [True, False])
def test_a_whole_file_is_used_without_a_question(
    file_server: FileServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    headers: dict[str, str],
    sized: bool,
) -> None:
    caplog.set_level(logging.INFO, "nyc_taxi")
    reply = Reply(OLD, headers=headers, sized=sized)
    etag = headers.get("ETag")
    first = get(file_server, tmp_path, reply, etag=etag, dated=True)
    file_server.requests.clear()
    assert get(file_server, tmp_path, reply, etag=etag, dated=True) == first
    assert whole(first, OLD)
    assert file_server.requests == []
    assert "Uses the file that was downloaded earlier" in caplog.text


def test_a_file_that_was_whole_when_its_process_died_is_used(file_server: FileServer, tmp_path: Path) -> None:
    get(file_server, tmp_path, AGAIN)
    (tmp_path / FILE).rename(tmp_path / PART)
    assert whole(get(file_server, tmp_path, AGAIN), OLD)
    assert file_server.count("GET") == 1


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}, DATED])
def test_a_part_without_a_strong_entity_tag_is_not_kept(
    file_server: FileServer, tmp_path: Path, headers: dict[str, str]
) -> None:
    cut(file_server, tmp_path, Reply(OLD, headers=headers, cut=100_000))
    assert not is_in(tmp_path)
    again = Reply(NEW, headers=headers)
    assert whole(get(file_server, tmp_path, again, etag=headers.get("ETag"), dated=True), NEW)
    assert file_server.ranges == [None, None]


def test_a_file_of_which_nothing_is_known_is_not_used_again(file_server: FileServer, tmp_path: Path) -> None:
    for _ in range(2):
        assert whole(get(file_server, tmp_path, Reply(OLD), etag=None), OLD)
    assert file_server.count("GET") == 2


@pytest.mark.parametrize("leave", [cut, lambda server, folder: get(server, folder, AGAIN)])
@pytest.mark.parametrize(
    ("etag", "ranges"),
    [
        pytest.param('"new"', [None, None], id="as the source says"),
        pytest.param(None, [None, "bytes=100000-"], id="as the answer says"),
    ],
)
def test_of_a_republished_file_nothing_old_is_used(
    file_server: FileServer,
    tmp_path: Path,
    leave: Callable[[FileServer, Path], object],
    etag: str | None,
    ranges: list[str | None],
) -> None:
    leave(file_server, tmp_path)
    file = get(file_server, tmp_path, REPUBLISHED, etag=etag)
    assert whole(file, NEW)
    assert file.etag == '"new"'
    assert file_server.ranges == (ranges if leave is cut else [None, None])


@pytest.mark.parametrize("dated", [True, False])
def test_without_an_entity_tag_time_and_size_both_count(
    file_server: FileServer, tmp_path: Path, dated: bool
) -> None:
    get(file_server, tmp_path, Reply(OLD, headers=DATED), etag=None, dated=True)
    get(file_server, tmp_path, Reply(OLD + b"more", headers=DATED), etag=None, dated=dated)
    assert file_server.count("GET") == 2


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[50_000] ^= 1
    path.write_bytes(content)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [flip, shorten, lambda path: path.unlink()])
@pytest.mark.parametrize("is_whole", [True, False])
def test_bytes_that_are_not_what_they_were_are_thrown_away(
    file_server: FileServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    is_whole: bool,
) -> None:
    if is_whole:
        get(file_server, tmp_path, AGAIN)
    else:
        cut(file_server, tmp_path)
    damage(tmp_path / (FILE if is_whole else PART))
    assert whole(get(file_server, tmp_path, AGAIN), OLD)
    assert file_server.ranges == [None, None]
    assert "was changed on this disk: it starts over" in caplog.text


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b"null", b'{"last_modified": 3}', b"\xff"])
def test_a_record_that_cannot_be_read_is_none(file_server: FileServer, tmp_path: Path, record: bytes) -> None:
    cut(file_server, tmp_path)
    (tmp_path / "download.json").write_bytes(record)
    assert whole(get(file_server, tmp_path, AGAIN), OLD)
    assert file_server.ranges == [None, None]


def test_bytes_after_the_last_note_are_asked_for_again(file_server: FileServer, tmp_path: Path) -> None:
    """So that it does no harm when a process dies between writing bytes and the note about them."""
    cut(file_server, tmp_path)
    with (tmp_path / PART).open("ab") as part:
        part.write(b"not noted")
    assert whole(get(file_server, tmp_path, AGAIN), OLD)
    assert file_server.ranges == [None, "bytes=100000-"]


def test_bytes_after_a_whole_file_are_not_part_of_it(file_server: FileServer, tmp_path: Path) -> None:
    with get(file_server, tmp_path, AGAIN).path.open("ab") as file:
        file.write(b"not noted")
    assert whole(get(file_server, tmp_path, AGAIN), OLD)
    assert file_server.count("GET") == 1


def test_what_began_anew_is_not_taken_for_the_old_version(file_server: FileServer, tmp_path: Path) -> None:
    cut(file_server, tmp_path)
    weak = Reply(NEW, headers={"ETag": 'W/"new"'}, cut=200_000)
    with pytest.raises(DownloadInterrupted):
        get(file_server, tmp_path, weak, etag='W/"new"')
    assert not is_in(tmp_path)
    assert whole(get(file_server, tmp_path, AGAIN), OLD)
    assert file_server.ranges == [None, None, None]


def test_a_source_that_does_not_answer_costs_nothing_that_was_kept(
    file_server: FileServer, tmp_path: Path
) -> None:
    cut(file_server, tmp_path)
    with pytest.raises(SourceUnreachable):
        get(file_server, tmp_path, Reply(status=503))
    assert whole(get(file_server, tmp_path, AGAIN), OLD)
    assert file_server.ranges == [None, "bytes=100000-", "bytes=100000-"]


def test_the_rest_has_to_fit_on_the_disk(
    file_server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(file_server, tmp_path)
    room = type("Usage", (), {"free": 64 << 20})
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda path: room)
        with pytest.raises(DiskFull, match="has 300,000 bytes"):
            get(file_server, tmp_path, AGAIN)
    assert file_server.count("GET") == 1


def test_a_file_of_a_folder_is_copied_anew_each_time(tmp_path: Path) -> None:
    source = tmp_path / FILE
    publication = Publication(
        "green", Month("2021-01"), State.PUBLISHED, "test", source.as_uri(), datetime.now(UTC), etag='"a"'
    )
    for body in (OLD, NEW):
        source.write_bytes(body)
        assert whole(download(publication, tmp_path / "scratch", keep=True), body)
    assert not is_in(tmp_path / "scratch")
