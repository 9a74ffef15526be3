"""The BigQuery warehouse: what only it does, and what people find in its tables and its bucket."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.bigquery.sweep import remove
from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.leftovers import Verdict
from tests.trips import MONTH, green, lines, load, published, row, text, write
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.bigquery.place import Place


@pytest.fixture
def warehouse(bigquery_place: Place) -> BigQueryWarehouse:
    """A warehouse of this test alone."""
    return BigQueryWarehouse(bigquery_place, "bigquery_taxi")


def test_a_month_is_in_the_tables_and_its_file_in_the_bucket(
    warehouse: BigQueryWarehouse, tmp_path: Path
) -> None:
    place = warehouse.place
    path = write(tmp_path, text([*lines(250), "bad", *(row(number) for number in range(250))]))
    done = load(warehouse, published(path))
    assert (done.outcome, done.rows_in_file, done.rows_loaded) == (Outcome.PUBLISHED, 501, 500)
    found = place.bigquery().query_and_wait(
        f"select count(*), min(filename), sum(fare_amount), min(attempt_id) from {place.raw}.green_tripdata"
    )
    assert [tuple(row) for row in found] == [(500, path.name, 5250.0, done.id)]
    assert warehouse.count("green", MONTH) == 500
    names = [blob.name for blob in place.storage().list_blobs(place.bucket)]
    assert names == ["raw/green/green_tripdata_2021-01.csv"]
    blob = place.storage().bucket(place.bucket).blob(names[0])
    assert blob.download_as_bytes() == path.read_bytes()
    assert list(place.bigquery().list_tables(place.stage)) == []


def test_a_process_that_stages_renews_its_lease_and_gives_it_up_in_the_end(
    bigquery_place: Place, tmp_path: Path
) -> None:
    warehouse = BigQueryWarehouse(bigquery_place, "bigquery_taxi", lease=20)

    def until() -> datetime:
        query = f"select lease_until from {bigquery_place.ops}.file_ledger"
        ((found,),) = bigquery_place.bigquery().query_and_wait(query)
        assert isinstance(found, datetime)
        return found

    with warehouse.begin(published(green(tmp_path)), "r") as attempt:
        first = until()
        eventually(lambda: until() > first)
        # Who took it for dead on an old look is refused by the ledger.
        dead = Verdict(Outcome.ABANDONED, "It died.")
        assert not remove(warehouse.jobs, attempt, dead)
        assert warehouse.ledger.get(attempt.key).outcome is Outcome.STAGING
    assert remove(warehouse.jobs, attempt, dead)
    assert warehouse.ledger.get(attempt.key).outcome is Outcome.ABANDONED
