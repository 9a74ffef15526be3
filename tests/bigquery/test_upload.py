"""Uploading and staging as two steps of two processes, as the tasks of a run take them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from nyc_taxi.errors import ContractError
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.stage import Staged, stage_month, stage_uploaded, staged_in_run
from tests.google_recorder import Recorder
from tests.trips import MONTH, fetch, green, lines, load, published, row, text, write

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.bigquery.place import Place
    from tests.google_recorder import Answer, Request


@pytest.fixture
def warehouse(bigquery_place: Place) -> BigQueryWarehouse:
    """A warehouse of this test alone."""
    return BigQueryWarehouse(bigquery_place, "bigquery_taxi")


def upload(warehouse: BigQueryWarehouse, path: Path) -> Staged:
    return stage_month(warehouse, published(path), fetch=fetch, run_id="r", upload_only=True)


def another_process(warehouse: BigQueryWarehouse) -> BigQueryWarehouse:
    return BigQueryWarehouse(replace(warehouse.place), warehouse.name)


def test_what_one_process_uploaded_another_one_stages(warehouse: BigQueryWarehouse, tmp_path: Path) -> None:
    path = write(tmp_path, text([*lines(50), "bad", *(row(number) for number in range(50))]))
    uploaded = upload(warehouse, path)
    path.unlink()
    counts = (uploaded.rows_in_file, uploaded.rows_loaded, uploaded.rows_rejected)
    assert counts == (101, 100, 1)
    place = warehouse.place
    assert list(place.bigquery().list_tables(place.stage)) == []

    other = another_process(warehouse)
    # Nobody is alive in between, and what was uploaded is kept.
    other.remove_leftovers("green", MONTH)
    assert other.ledger.get(uploaded.key).outcome is Outcome.UPLOADED
    with pytest.raises(ContractError, match=r"is uploaded.*There is nothing to audit: load the month again"):
        audit_month(other, uploaded.key)
    found = staged_in_run(other, "green", MONTH, "r")
    assert replace(found, seconds=uploaded.seconds) == uploaded

    staged = stage_uploaded(other, uploaded)
    assert staged is not None
    assert replace(staged, seconds=uploaded.seconds) == uploaded
    again = stage_uploaded(another_process(warehouse), uploaded)
    assert again is not None
    assert again.key == staged.key
    attempt = other.ledger.get(uploaded.key)
    assert attempt.outcome is Outcome.STAGED
    assert (attempt.stage_table or "").startswith(f"{place.stage}.green_tripdata_2021_01_")
    audit_month(other, uploaded.key)
    assert other.publish(uploaded.key).outcome is Outcome.PUBLISHED
    assert (other.count("green", MONTH), other.ledger.count_rejects(uploaded.key)) == (100, (1, 51))
    # A task that is cleared after all that finds that its work was done.
    done = stage_uploaded(other, uploaded)
    assert done is not None
    assert done.key == uploaded.key


def test_what_was_uploaded_and_overtaken_is_superseded_and_leaves_nothing(
    warehouse: BigQueryWarehouse, tmp_path: Path
) -> None:
    slow = upload(warehouse, green(tmp_path, 60))
    load(warehouse, published(green(tmp_path / "new", 70)), force=True)
    assert warehouse.ledger.get(slow.key).outcome is Outcome.SUPERSEDED

    staged = stage_uploaded(warehouse, slow)

    assert staged is not None
    audit_month(warehouse, staged.key)
    assert warehouse.publish(staged.key).outcome is Outcome.SUPERSEDED
    place = warehouse.place
    assert list(place.bigquery().list_tables(place.stage)) == []
    assert list(place.storage().list_blobs(place.bucket, prefix="staged/")) == []


def test_a_load_job_that_still_runs_is_found_again(warehouse: BigQueryWarehouse, tmp_path: Path) -> None:
    running = 5

    def still_runs(request: Request) -> Answer | None:
        nonlocal running
        if "nyc_taxi_stage_" not in request.path or not running:
            return None
        running -= 1
        job = {"projectId": place.project, "jobId": request.path.rpartition("/")[2], "location": "US"}
        configuration = {"load": {"sourceUris": list[str]()}, "jobType": "LOAD"}
        return 200, {"jobReference": job, "status": {"state": "RUNNING"}, "configuration": configuration}

    place = warehouse.place
    uploaded = upload(warehouse, green(tmp_path, 40))
    # The emulator's job ends at once; to the next process it seems to run.
    warehouse.load_uploaded(uploaded.key, None)
    with Recorder("bigquery.v2", place.bigquery_endpoint, {"bigquery.jobs.get": still_runs}) as bigquery:
        slow = BigQueryWarehouse(replace(place, bigquery_endpoint=bigquery.url), "bigquery_taxi")
        assert stage_uploaded(slow, uploaded, patience=0) is None
        assert slow.is_loading(uploaded.key)
        assert stage_uploaded(slow, uploaded, patience=0) is None
        assert running == 0
        staged = stage_uploaded(slow, uploaded, patience=60)
    assert staged is not None
    assert staged.rows_loaded == 40
    jobs = [one.body["jobReference"]["jobId"] for one in bigquery.jobs("load")]
    assert set(jobs) == {f"nyc_taxi_stage_green_2021-01_{uploaded.attempt}_0"}


def test_a_staging_table_that_somebody_removed_is_not_taken_for_staged(
    warehouse: BigQueryWarehouse, tmp_path: Path
) -> None:
    uploaded = upload(warehouse, green(tmp_path, 40))
    loaded = warehouse.load_uploaded(uploaded.key, None)
    assert loaded is not None
    warehouse.place.bigquery().delete_table(f"{warehouse.place.project}.{loaded.table}")
    with pytest.raises(ContractError, match=r"was removed\. Load the month again"):
        stage_uploaded(warehouse, uploaded)
