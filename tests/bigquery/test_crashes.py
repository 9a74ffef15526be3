"""A load is killed at one of its steps, and run again: the month is as if nothing had happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from nyc_taxi.load.attempt import Outcome
from tests.bigquery.dying import die_after
from tests.extent import LONG
from tests.trips import MONTH, green, load, published
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.bigquery.place import Place

STEPS = (
    "nyc_taxi.bigquery.publish._merge",
    "nyc_taxi.bigquery.stage.load",
    *(
        (
            "nyc_taxi.bigquery.attempts.begin",
            "nyc_taxi.bigquery.stage.land",
            "nyc_taxi.bigquery.stage.put_staged",
            "nyc_taxi.load.stage._record",
            "tests.bigquery.dying.stage_uploaded",
            "tests.bigquery.dying.audit_month",
            "nyc_taxi.bigquery.publish.finish",
            "nyc_taxi.bigquery.publish.drop_stage",
            "nyc_taxi.bigquery.publish._record",
        )
        if LONG
        else ()
    ),
)
"""Functions after which a process dies."""

MERGED = ("publish._merge", "publish.drop_stage", "publish._record")


def fares(place: Place) -> list[tuple[float, int]]:
    query = f"select fare_amount, count(*) from {place.raw}.green_tripdata group by 1"
    return [tuple(row) for row in place.bigquery().query_and_wait(query)]


def staged(place: Place) -> list[str]:
    tables = [table.table_id for table in place.bigquery().list_tables(place.stage)]
    return tables + [blob.name for blob in place.storage().list_blobs(place.bucket, prefix="staged/")]


@pytest.mark.slow
def test_promise_2_atomic_when_killed(bigquery_place: Place, tmp_path: Path) -> None:
    place = bigquery_place
    warehouse = BigQueryWarehouse(place, "bigquery_taxi")
    load(warehouse, published(green(tmp_path / "0", 100, fare=1.0)))
    for number, step in enumerate(STEPS, start=2):
        path = green(tmp_path / str(number), 100, fare=number)
        die_after(step, place, path)
        merged = step.endswith(MERGED)
        assert fares(place) == [(number if merged else number - 1, 100)], step

        def clean() -> bool:
            warehouse.remove_leftovers("green", MONTH)
            return all(one.outcome is not Outcome.STAGING for one in warehouse.ledger.history("green", MONTH))

        eventually(clean)
        again = load(warehouse, published(path))
        assert fares(place) == [(number, 100)], step
        assert (again.run_id == "dies") is merged, step
        history = warehouse.ledger.history("green", MONTH)
        assert [one.id for one in history if one.outcome is Outcome.PUBLISHED] == [again.id], step
        assert staged(place) == [], step


def test_an_unloading_that_was_killed_is_finished_by_the_next_look(
    bigquery_place: Place, tmp_path: Path
) -> None:
    place = bigquery_place
    warehouse = BigQueryWarehouse(place, "bigquery_taxi")
    loaded = load(warehouse, published(green(tmp_path, 100)))
    die_after("nyc_taxi.bigquery.attempts.update", place, None)
    assert (warehouse.count("green", MONTH), warehouse.ledger.current("green", MONTH)) == (100, None)

    def empty() -> bool:
        warehouse.remove_leftovers("green", MONTH)
        return warehouse.count("green", MONTH) == 0

    eventually(empty)
    assert warehouse.ledger.get(loaded.key).outcome is Outcome.UNLOADED
