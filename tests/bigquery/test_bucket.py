"""What a load keeps in the bucket: the source's file, and the claim of a month."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.bigquery import lease
from nyc_taxi.bigquery.jobs import Jobs
from nyc_taxi.bigquery.landing import land
from nyc_taxi.bigquery.lease import holding_month
from nyc_taxi.core.month import Month
from nyc_taxi.errors import WarehouseBusy
from tests.contract.memory import MemoryLedger
from tests.trips import MONTH, green, published

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.load.attempt import Attempt
    from tests.google_cloud import GoogleCloud


@pytest.fixture(scope="module")
def jobs(google_cloud: GoogleCloud) -> Jobs:
    return Jobs(google_cloud.set_up(), "bigquery_taxi")


def attempt(path: Path, month: Month = MONTH) -> Attempt:
    return MemoryLedger().begin(published(path, month=month), "r")


def test_a_file_is_sent_once_and_replaced_when_it_is_another(jobs: Jobs, tmp_path: Path) -> None:
    path = green(tmp_path, 10)
    first = land(jobs, attempt(path), path)
    name = "raw/green/green_tripdata_2021-01.csv.gz"
    assert first.startswith(f"gs://{jobs.place.bucket}/{name}#")
    assert land(jobs, attempt(path), path) == first
    path = green(tmp_path / "new", 20)
    assert land(jobs, attempt(path), path) != first
    blob = jobs.place.storage().bucket(jobs.place.bucket).blob(name)
    assert blob.download_as_bytes() == path.read_bytes()


def test_one_process_at_a_time_has_a_month(jobs: Jobs) -> None:
    held = []

    def work(number: int) -> None:
        with holding_month(jobs, "green", MONTH, what=f"Publishing {number}"):
            held.append(number)
            assert len(held) == 1
            held.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [blob.name for blob in jobs.place.storage().list_blobs(jobs.place.bucket, prefix="locks/")] == []


def test_who_waits_in_vain_learns_for_whom(jobs: Jobs) -> None:
    other = Month("2021-02")
    with (
        holding_month(jobs, "green", MONTH, what="Publishing attempt 1"),
        holding_month(jobs, "green", other, what="Publishing attempt 2"),
        pytest.raises(WarehouseBusy, match=r"Unloading waited 0 s for Publishing attempt 1 \(.* pid \d+"),
        holding_month(jobs, "green", MONTH, what="Unloading", patience=0),
    ):
        raise AssertionError("Two have the month.")


def test_the_claim_of_a_process_that_died_is_taken_once_it_has_ended(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "MONTH", 0)
    dead = holding_month(jobs, "green", MONTH, what="Publishing attempt 1")
    dead.__enter__()  # and it never comes to its end
    with holding_month(jobs, "green", MONTH, what="Publishing attempt 2", patience=60):
        pass
