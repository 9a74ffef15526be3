"""Logs of tasks in Cloud Storage, on the emulator, without the provider of Google."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nyc_taxi.task_logs import ObjectStoreLogs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.google_cloud import GoogleCloud

LOG = "dag_id=green_bigquery/run_id=one/task_id=stage/attempt=1.log"


def test_a_log_is_stored_continued_and_read(google_cloud: GoogleCloud, tmp_path: Path) -> None:
    place = google_cloud.place()
    place.storage().create_bucket(place.bucket)
    server = urlsplit(place.storage_endpoint or "")
    where = f"endpoint_override={server.netloc}&scheme={server.scheme}"
    logs = ObjectStoreLogs(f"gs://anonymous@{place.bucket}/logs?{where}", tmp_path)
    file = tmp_path / LOG
    file.parent.mkdir(parents=True)
    for text in ("one\n", "one\ntwo\n", "three\n"):
        file.write_text(text)
        logs.upload(LOG)

    assert logs.read(LOG) == ([f"gs://{place.bucket}/logs/{LOG}"], ["one\ntwo\nthree\n"])
    assert logs.read(LOG.replace("attempt=1", "attempt=2")) == ([], [])
