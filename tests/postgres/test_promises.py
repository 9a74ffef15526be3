"""The promises about months in Postgres, each with a test that bears its name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import IsolationLevel

from nyc_taxi.core.dataset import Dataset, get_dataset
from nyc_taxi.errors import SchemaDrift
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.postgres import stage as staging
from tests.postgres.loading import loading
from tests.trips import (
    GREEN,
    MONTH,
    content,
    counts,
    green,
    leftovers,
    load,
    published,
    stage,
    staged_and_audited,
    text,
    write,
)
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.postgres.warehouse import PostgresWarehouse

OLD = datetime(2021, 3, 1, tzinfo=UTC)
NEW = OLD + timedelta(days=30)


def wait_until(reader: psycopg.Connection, query: str) -> None:
    eventually(lambda: reader.execute(query).fetchone() == (True,))


# No load runs a statement, has an open transaction, or holds the lock of an attempt.
IS_GONE = """
select count(*) = 0
from pg_stat_activity as session
left join pg_locks as held on session.pid = held.pid and held.locktype = 'advisory'
where session.application_name like 'nyc_taxi %' and (session.state <> 'idle' or held.pid is not null)
"""
WAITS_IN_PUBLISH = """
select count(*) > 0 from pg_stat_activity
where application_name like 'nyc_taxi publish %' and wait_event_type = 'Lock'
"""


@pytest.mark.parametrize(
    ("month", "step"),
    [
        ("new", "copy"),
        ("new", "audited"),
        *(("replaced", step) for step in ("download", "copy", "staged", "audited", "published")),
    ],
)
def test_promise_2_atomic_when_killed_at_a_step(
    taxi_warehouse: PostgresWarehouse,
    warehouse_uri: str,
    reader: psycopg.Connection,
    tmp_path: Path,
    step: str,
    month: str,
) -> None:
    if month == "replaced":
        load(taxi_warehouse, published(green(tmp_path, 1000, fare=1.0)))
    before = content(reader)
    path = green(tmp_path, 30_000)
    with psycopg.connect(warehouse_uri) as repeatable:
        repeatable.isolation_level = IsolationLevel.REPEATABLE_READ
        repeatable.execute("select 1")
        with loading(warehouse_uri, path, step):
            seen = content(reader)
        wait_until(reader, IS_GONE)
        assert content(repeatable) == before
    assert (seen == before) == (step != "published")
    load(taxi_warehouse, published(path))
    assert_whole(taxi_warehouse, reader, 30_000)


@pytest.mark.parametrize("month", ["new", "replaced"])
def test_promise_2_atomic_when_killed_in_the_middle_of_publishing(
    taxi_warehouse: PostgresWarehouse,
    warehouse_uri: str,
    reader: psycopg.Connection,
    tmp_path: Path,
    month: str,
) -> None:
    """The child is held up by a lock after it has renamed the table, or after it has exchanged the rows."""
    obstacle = "lock table raw.green_tripdata in share mode"
    if month == "replaced":
        load(taxi_warehouse, published(green(tmp_path, 1000, fare=1.0)))
        obstacle = "select 1 from ops.file_ledger where outcome = 'published' for no key update"
    before = content(reader)
    path = green(tmp_path, 30_000)
    with psycopg.connect(warehouse_uri) as repeatable, psycopg.connect(warehouse_uri) as person:
        repeatable.isolation_level = IsolationLevel.REPEATABLE_READ
        repeatable.execute("select 1")
        with loading(warehouse_uri, path, "audited"):
            pass
        person.execute(obstacle)
        with loading(warehouse_uri, path):
            wait_until(reader, WAITS_IN_PUBLISH)
            assert content(reader) == before
        person.rollback()
        wait_until(reader, IS_GONE)
        assert content(reader) == before
        assert content(repeatable) == before
    load(taxi_warehouse, published(path))
    assert_whole(taxi_warehouse, reader, 30_000)


def assert_whole(warehouse: PostgresWarehouse, reader: psycopg.Connection, rows: int) -> None:
    """Check that the month is what a load without any trouble gives, and that nothing is left over."""
    assert counts(reader) == {"2021-01-01": rows}
    fares = reader.execute("select distinct fare_amount from raw.green_tripdata").fetchall()
    assert fares == [(10.5,)]
    assert leftovers(reader) == []
    outcomes = [attempt.outcome for attempt in warehouse.ledger.history("green", MONTH)]
    assert outcomes.count(Outcome.PUBLISHED) == 1
    assert set(outcomes) <= {Outcome.PUBLISHED, Outcome.REPLACED, Outcome.SUPERSEDED, Outcome.ABANDONED}


def test_promise_4_concurrent_months_attach_at_once(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    """Twelve months of one table, six at a time, on an empty warehouse."""
    months = [MONTH.plus(number) for number in range(12)]
    files = [published(green(tmp_path, 200, month), month=month) for month in months]
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda file: load(taxi_warehouse, file), files))
    assert {attempt.outcome for attempt in done} == {Outcome.PUBLISHED}
    assert counts(reader) == {month.first_day.isoformat(): 200 for month in months}


TOUCHED = """
select relname, seq_scan + coalesce(idx_scan, 0) + n_tup_ins + n_tup_upd + n_tup_del
from pg_stat_user_tables
where schemaname = 'raw'
"""
BLOCKS = "select sum(heap_blks_read + heap_blks_hit) from pg_statio_user_tables where schemaname = 'raw'"


def test_promise_5_constant_cost(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    """Loading one more month reads and writes no other month, however many there are."""
    for number in range(24):
        month = MONTH.plus(number)
        load(taxi_warehouse, published(green(tmp_path, 50, month), month=month))
    again = published(green(tmp_path, 60, MONTH.plus(23)), month=MONTH.plus(23))
    new = published(green(tmp_path, 50, MONTH.plus(24)), month=MONTH.plus(24))
    own = {"green_tripdata_2022_12", "green_tripdata_2023_01"}

    before = _statistics(taxi_warehouse, reader, TOUCHED)
    load(taxi_warehouse, again)
    load(taxi_warehouse, new)
    after = _statistics(taxi_warehouse, reader, TOUCHED)
    assert {name for name, work in after.items() if work != before.get(name)} == own

    blocks = _statistics(taxi_warehouse, reader, f"select 'all', ({BLOCKS})")["all"]
    staged_and_audited(taxi_warehouse, published(green(tmp_path, 90, MONTH.plus(25)), month=MONTH.plus(25)))
    assert _statistics(taxi_warehouse, reader, f"select 'all', ({BLOCKS})")["all"] == blocks


def _statistics(warehouse: PostgresWarehouse, reader: psycopg.Connection, query: str) -> dict[str, int]:
    """Return cumulative statistics, after the sessions that did the work have ended and reported theirs."""
    warehouse.sessions.close()
    wait_until(reader, "select count(*) = 0 from pg_stat_activity where application_name like 'nyc_taxi %'")
    return {name: int(work) for name, work in reader.execute(query).fetchall()}


@pytest.mark.parametrize(
    ("policy", "header"),
    [
        ("on_unknown", f"{GREEN},weather"),
        ("on_repeated", f"{GREEN},extra"),
        ("on_missing", GREEN.replace(",extra", "")),
    ],
)
def test_promise_6_honest_about_drift_that_a_policy_refuses(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
    header: str,
) -> None:
    def strict(name: str) -> Dataset:
        dataset = get_dataset(name)
        if policy == "on_unknown":
            return replace(dataset, on_unknown="fail")
        return replace(dataset, on_missing="fail") if policy == "on_missing" else dataset

    monkeypatch.setattr(staging, "get_dataset", strict)
    with pytest.raises(SchemaDrift):
        stage(taxi_warehouse, published(write(tmp_path, text([header]))))
    assert content(reader) == []
    assert leftovers(reader) == []
