"""Logs of tasks in an object store. A folder stands in for the store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.task_logs import ObjectStoreLogs

if TYPE_CHECKING:
    from pathlib import Path

LOG = "dag_id=green_postgres/run_id=one/task_id=stage/attempt=1.log"


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "logs" / LOG
    folder.parent.mkdir(parents=True)
    (tmp_path / "store" / LOG).parent.mkdir(parents=True)
    return folder


@pytest.fixture
def logs(tmp_path: Path) -> ObjectStoreLogs:
    return ObjectStoreLogs(f"file://{tmp_path}/store/", tmp_path / "logs")


def test_a_log_is_read_after_its_pod_is_gone(logs: ObjectStoreLogs, local: Path) -> None:
    local.write_text("one\ntwo\n")
    logs.upload(LOG)
    local.unlink()

    where, texts = logs.read(LOG)

    assert texts == ["one\ntwo\n"]
    assert where[0].endswith(f"/store/{LOG}")


def test_a_try_that_resumes_in_another_pod_keeps_its_beginning(logs: ObjectStoreLogs, local: Path) -> None:
    for text in ("one\n", "one\ntwo\n", "three\n", "three\n"):
        local.write_text(text)
        logs.upload(LOG)

    assert logs.read(LOG)[1][0].startswith("one\ntwo\nthree\n")


def test_the_logs_of_a_trigger_and_of_a_dead_pod_belong_to_the_try(
    logs: ObjectStoreLogs, local: Path
) -> None:
    others = [f"{LOG}.trigger.7.log", f"{LOG}.pod.log", LOG.replace("attempt=1", "attempt=2")]
    for path in (LOG, *others):
        (logs.folder / path).write_text(path)
        logs.upload(logs.folder / path)

    assert sorted(logs.read(LOG)[1]) == sorted([LOG, *others[:2]])


def test_a_store_that_does_not_answer_is_named_and_fails_no_task(
    local: Path, caplog: pytest.LogCaptureFixture
) -> None:
    local.write_text("one\n")
    missing = ObjectStoreLogs("file:///proc/store?secret=1", local.parents[3])

    missing.upload(LOG)
    where, texts = missing.read(LOG)

    assert "Cannot store the log" in caplog.text
    assert "secret" not in caplog.text
    assert (where, texts) == ([], [])


def test_airflow_uses_the_store_that_its_settings_name(tmp_path: Path, local: Path) -> None:
    """In another process, because Airflow reads its settings once."""
    code = """
import json, airflow.settings
from airflow.logging_config import get_remote_task_log
from airflow.sdk.log import load_remote_log_handler
print(json.dumps([one.url for one in (get_remote_task_log(), load_remote_log_handler())]))
"""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS": "nyc_taxi.task_logs.LOGGING_CONFIG",
        "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": "gs://bucket/airflow",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == ["gs://bucket/airflow"] * 2
