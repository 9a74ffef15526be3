"""What dbt measured becomes results, however often it is copied."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.core.check import Check
from nyc_taxi.load.attempt import Key
from tests.trips import MONTH, NEXT, green, load, published

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from nyc_taxi.postgres.warehouse import PostgresWarehouse

TABLE = """
create schema intermediate;

create table intermediate.int_quality (
    file_month date, dataset text, attempt_id bigint, dimension text, check_name text,
    value double precision, threshold text, outcome text, message text, measured_at timestamptz
)
"""
BY_DBT = """
select q.attempt_id, q.month::text, q.check_name, q.value from ops.quality_result as q
where q.measured_by = 'dbt' order by 1, 3
"""


def measure(reader: psycopg.Connection, attempt: int, at: str, **found: float) -> None:
    """Measure a month as dbt does, which replaces what it has of the month."""
    reader.execute("delete from intermediate.int_quality where attempt_id = %s", (attempt,))
    for check, value in found.items():
        reader.execute(
            "insert into intermediate.int_quality values "
            "('2021-01-01', 'green', %s, 'accuracy', %s, %s, 'none', 'warn', 'Found.', %s)",
            (attempt, check, value, at),
        )


@pytest.fixture
def attempts(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> tuple[int, int]:
    """Two published months, and dbt's table with nothing in it."""
    reader.execute(TABLE)
    first = load(taxi_warehouse, published(green(tmp_path, 10)))
    second = load(taxi_warehouse, published(green(tmp_path, 10, NEXT), month=NEXT))
    return first.id, second.id


def test_nothing_is_recorded_where_dbt_never_ran(taxi_warehouse: PostgresWarehouse) -> None:
    assert taxi_warehouse.record_dbt_checks("prod") == 0


def test_what_was_measured_is_recorded_once(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, attempts: tuple[int, int]
) -> None:
    first, second = attempts
    measure(reader, first, "2021-03-01", fares=0.5, miles=0)
    measure(reader, second, "2021-03-01", fares=0.25)
    measure(reader, 999, "2021-03-01", fares=1)  # of an attempt that the ledger does not know
    assert taxi_warehouse.record_dbt_checks("prod") == 3
    assert taxi_warehouse.record_dbt_checks("prod") == 0
    assert reader.execute(BY_DBT).fetchall() == [
        (first, "2021-01-01", "fares", 0.5),
        (first, "2021-01-01", "miles", 0),
        (second, "2021-02-01", "fares", 0.25),
    ]


def test_measuring_again_replaces_the_results_of_that_attempt_only(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, attempts: tuple[int, int]
) -> None:
    first, second = attempts
    measure(reader, first, "2021-03-01", fares=0.5, miles=0)
    measure(reader, second, "2021-03-01", fares=0.25)
    taxi_warehouse.record_dbt_checks("prod")
    of_first = Key("green", MONTH, first)
    loaded = taxi_warehouse.ledger.checks(of_first)["load"]
    measure(reader, first, "2021-03-02", fares=0.75, tolls=1)
    assert taxi_warehouse.record_dbt_checks("prod") == 2
    assert [row[2:] for row in reader.execute(BY_DBT)] == [("fares", 0.75), ("tolls", 1), ("fares", 0.25)]
    assert taxi_warehouse.ledger.checks(of_first) == {
        "load": loaded,
        "dbt": (
            Check("fares", "accuracy", "warn", 0.75, "none", "Found."),
            Check("tolls", "accuracy", "warn", 1, "none", "Found."),
        ),
    }


def test_six_at_once_record_what_one_does(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, attempts: tuple[int, int]
) -> None:
    def record(_: int) -> int:
        return taxi_warehouse.record_dbt_checks("prod")

    for day in range(1, 11):
        measure(reader, attempts[0], f"2021-03-{day:02}", **{f"check_{n}": day for n in range(20)})
        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(record, range(6))) == 20
        assert {row[3] for row in reader.execute(BY_DBT)} == {day}
