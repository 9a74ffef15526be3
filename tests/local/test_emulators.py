"""The emulators of Google Cloud as processes of this machine."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from local.emulators import EmulatorsFailed
from tests.google_cloud import GoogleCloud

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    cloud = GoogleCloud(tmp_path)
    try:
        cloud.emulators.start()
        place = cloud.set_up()
        place.storage().bucket(place.bucket).blob("a").upload_from_string("content")
        place.bigquery().query_and_wait(f"create table {place.raw}.trips as select 1 as number")
        cloud.emulators.stop()
        assert not cloud.emulators.running()
        cloud.emulators.start()
        assert place.storage().bucket(place.bucket).blob("a").download_as_text() == "content"
        rows = place.bigquery().query_and_wait(f"select number from {place.raw}.trips")
        assert [row["number"] for row in rows] == [1]
    finally:
        cloud.emulators.stop()


@pytest.mark.slow
def test_an_emulator_that_does_not_start_says_why(tmp_path: Path) -> None:
    cloud = GoogleCloud(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", cloud.emulators.storage_port))
        other.listen()
        with pytest.raises(EmulatorsFailed, match=r"gcs exited at its start[^$]*address already in use"):
            cloud.emulators.start()
    assert not cloud.emulators.running()
