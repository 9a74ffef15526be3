"""A file that comes from a local folder."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import (
    DownloadInterrupted,
    NotTheFile,
    SourceUnreachable,
)
from nyc_taxi.files.download import download, fetch
from nyc_taxi.files.source_list import SourceList
from tests.files.downloads import CHANGED, JANUARY, NAME, TRIPS, left_in, publication

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_of_a_folder_is_copied(tmp_path: Path) -> None:
    source = tmp_path / "source" / NAME
    source.parent.mkdir()
    source.write_bytes(TRIPS)
    os.utime(source, (CHANGED.timestamp(), CHANGED.timestamp()))
    answer = SourceList.parse(str(source.parent)).ask("green", JANUARY)
    file = download(answer, tmp_path / "to")
    assert file.path == tmp_path / "to" / NAME
    assert (file.url, file.etag, file.last_modified) == (f"file://{source}", None, CHANGED)
    assert (file.bytes, file.sha256) == (len(TRIPS), hashlib.sha256(TRIPS).hexdigest())
    source.write_bytes(b"replaced")
    assert file.path.read_bytes() == TRIPS


@pytest.mark.parametrize("change", [b"", TRIPS, TRIPS * 2, TRIPS[:9]])
def test_a_file_that_changes_while_it_is_copied_is_refused(tmp_path: Path, change: bytes) -> None:
    source = tmp_path / "source" / NAME
    source.parent.mkdir()
    source.write_bytes(TRIPS)
    with pytest.raises(DownloadInterrupted, match="was changed while it was copied"):
        fetch(source.as_uri(), tmp_path / "to" / NAME, progress=lambda *_: void(source.write_bytes(change)))
    assert left_in(tmp_path / "to") == []


def void(_: object) -> None:
    """Take a value that a callback must not return."""


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"error": 1}'])
def test_a_file_of_a_folder_is_checked_too(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(NotTheFile, match=f"file://{tmp_path}/{NAME} is"):
        fetch((tmp_path / NAME).as_uri(), tmp_path / "to" / NAME)


def test_a_file_that_vanished_from_its_folder_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="No such file or directory"):
        download(publication(f"file://{tmp_path}/{NAME}"), tmp_path / "to")


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs a file that opens and cannot be read")  # noqa: PTH110
def test_a_file_of_a_folder_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(DownloadInterrupted, match="/proc/self/mem cannot be read: Input/output error"):
        fetch("file:///proc/self/mem", tmp_path / "to" / NAME)
    assert left_in(tmp_path / "to") == []
