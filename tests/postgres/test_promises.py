"""The promises about months in Postgres, each with a test that bears its name."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import IsolationLevel

from nyc_taxi.core.dataset import Dataset, get_dataset
from nyc_taxi.errors import SchemaDrift
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.load import load_month
from nyc_taxi.postgres import stage as staging
from tests.file_server import FileServer
from tests.postgres.trips import (
    GREEN,
    MONTH,
    content,
    counts,
    green,
    leftovers,
    lines,
    load,
    published,
    refused,
    row,
    stage,
    staged_and_audited,
    text,
    write,
)
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nyc_taxi.core.month import Month
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.postgres.warehouse import PostgresWarehouse

OLD = datetime(2021, 3, 1, tzinfo=UTC)
NEW = OLD + timedelta(days=30)


# 1


@pytest.mark.parametrize(
    ("bad", "ending"), [([], "\n"), (["bad"], "\n"), (["bad", "", "worse"], "\r\n"), ([f"{row(1)},,"], "\n")]
)
def test_promise_1_lossless(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path, bad: list[str], ending: str
) -> None:
    """Rows in the file = rows loaded + rows rejected, and every value of the file is somewhere."""
    rows = [*lines(250), *bad, *(row(number) for number in range(250))]
    done = load(taxi_warehouse, published(write(tmp_path, text(rows, ending))))
    records = [line for line in rows[1:] if line]
    bad_lines = [line for line in bad if line and "," not in line]
    assert done.rows_in_file == len(records)
    assert done.rows_rejected == len(bad_lines)
    assert reader.execute("select count(*) from raw.green_tripdata").fetchone() == (done.rows_loaded,)
    assert [reject.line.decode() for reject in refused(taxi_warehouse)] == bad_lines
    with pytest.raises(psycopg.errors.CheckViolation):
        reader.execute("update ops.file_ledger set rows_loaded = rows_loaded - 1")


# 2


@contextmanager
def loading(uri: str, path: Path, stop_at: str = "") -> Iterator[subprocess.Popen[str]]:
    """Run a child that loads a file until it stops at a step, and kill it in the end."""
    command = [sys.executable, "-m", "tests.postgres.loading", uri, str(path), stop_at]
    environment = {**os.environ, "TMPDIR": str(path.parent)}  # a killed child leaves its download behind
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        try:
            if stop_at and child.stdout is not None:
                assert child.stdout.readline().strip() == stop_at
            yield child
        finally:
            child.kill()


def wait_until(reader: psycopg.Connection, query: str) -> None:
    eventually(lambda: reader.execute(query).fetchone() == (True,))


IS_GONE = "select count(*) = 0 from pg_stat_activity where application_name like 'nyc_taxi %'"
WAITS_IN_PUBLISH = """
select count(*) > 0 from pg_stat_activity
where application_name like 'nyc_taxi publish %' and wait_event_type = 'Lock'
"""


@pytest.mark.parametrize("step", ["download", "copy", "staged", "audited", "published"])
@pytest.mark.parametrize("month", ["new", "replaced"])
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


# 3


def test_promise_3_idempotent(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    """A month that is loaded again costs one HEAD, until its file is published anew."""
    path = "green/green_tripdata_2021-01.csv.gz"

    def run() -> Attempt:
        return load_month(taxi_warehouse, sources, "green", MONTH, run_id="r")

    with FileServer() as server:
        sources = SourceList.parse(server.url)
        server.put(path, green(tmp_path, 100).read_bytes(), last_modified=OLD)
        first = run()
        before = content(reader)
        server.requests.clear()

        assert run() == first
        assert server.requests == [("HEAD", f"/{path}")]
        assert content(reader) == before
        assert reader.execute("select count(*) from ops.file_ledger").fetchone() == (1,)

        server.put(path, green(tmp_path, 120).read_bytes(), last_modified=NEW)
        second = run()
        assert second.replaced_id == first.id
        assert counts(reader) == {"2021-01-01": 120}
        server.requests.clear()
        assert run() == second
        assert server.requests == [("HEAD", f"/{path}")]


# 4


def test_promise_4_concurrent_runs_of_one_month(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    file = published(green(tmp_path, 2000))
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: load(taxi_warehouse, file), range(6)))
    assert {attempt.outcome for attempt in done} <= {Outcome.PUBLISHED, Outcome.SUPERSEDED}
    assert counts(reader) == {"2021-01-01": 2000}
    assert leftovers(reader) == []


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


@pytest.mark.parametrize("seed", [1, 2])
def test_promise_4_concurrent_runs_while_files_are_published_anew(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path, seed: int
) -> None:
    """Thirty runs of three months, forced or not, six at a time: as good as one after another."""
    chosen = random.Random(seed)
    months = [MONTH.plus(number) for number in range(3)]
    versions = dict.fromkeys(months, 0)

    one_publisher = threading.Lock()

    def publish_anew(month: Month) -> None:
        with one_publisher:
            versions[month] += 1
            body = green(tmp_path, 300 + versions[month], month, fare=float(versions[month])).read_bytes()
            path = f"green/green_tripdata_{month}.csv.gz"
            server.put(path, body, last_modified=OLD + timedelta(hours=versions[month]))

    def run(job: tuple[Month, str]) -> Attempt | None:
        month, kind = job
        if kind == "published anew":
            publish_anew(month)
            return None
        return load_month(taxi_warehouse, sources, "green", month, run_id=kind, force=kind == "forced")

    with FileServer() as server:
        sources = SourceList.parse(server.url)
        for month in months:
            publish_anew(month)
        jobs = [
            (month, kind)
            for month in months
            for kind in ("plain", "forced", "published anew")
            for _ in range(4)
        ]
        chosen.shuffle(jobs)
        with ThreadPoolExecutor(6) as pool:
            done = [attempt for attempt in pool.map(run, jobs) if attempt is not None]
        final = {Outcome.PUBLISHED, Outcome.REPLACED, Outcome.SUPERSEDED}
        assert {attempt.outcome for attempt in done} <= final
        for month in months:
            assert_newer_and_newer(taxi_warehouse.ledger.history("green", month))
        for month in months:
            load_month(taxi_warehouse, sources, "green", month, run_id="last")
    assert counts(reader) == {month.first_day.isoformat(): 300 + versions[month] for month in months}
    fares = reader.execute("select distinct file_month, fare_amount from raw.green_tripdata order by 1")
    assert fares.fetchall() == [(month.first_day, float(versions[month])) for month in months]
    assert leftovers(reader) == []


def assert_newer_and_newer(attempts: list[Attempt]) -> None:
    """Check that what readers saw of a month never went back to an older file."""
    seen = [attempt for attempt in attempts if attempt.outcome in {Outcome.PUBLISHED, Outcome.REPLACED}]
    seen.sort(key=lambda attempt: attempt.finished or OLD)
    times = [attempt.last_modified for attempt in seen]
    assert times == sorted(times, key=lambda time: time or OLD)


# 5


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

    before = _statistics(reader, TOUCHED)
    load(taxi_warehouse, again)
    load(taxi_warehouse, new)
    after = _statistics(reader, TOUCHED)
    assert {name for name, work in after.items() if work != before.get(name)} == own

    blocks = _statistics(reader, f"select 'all', ({BLOCKS})")["all"]
    staged_and_audited(taxi_warehouse, published(green(tmp_path, 90, MONTH.plus(25)), month=MONTH.plus(25)))
    assert _statistics(reader, f"select 'all', ({BLOCKS})")["all"] == blocks


def _statistics(reader: psycopg.Connection, query: str) -> dict[str, int]:
    """Return cumulative statistics, after the sessions that did the work have handed theirs in."""
    wait_until(reader, IS_GONE)
    return {name: int(work) for name, work in reader.execute(query).fetchall()}


# 6


def test_promise_6_honest_about_drift_of_names_and_order(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    """A column that was renamed, one that is new and one that is gone are reported, and no value moves."""
    plain = [line.split(",") for line in lines(100)]
    drifted = [[*line[:5], *line[6:], line[5], "cloudy"] for line in plain]
    drifted[0][-2:] = ["PickupZone", "weather"]
    del_flag = [line[:3] + line[4:] for line in drifted]
    done = load(taxi_warehouse, published(write(tmp_path, text([",".join(line) for line in del_flag]))))
    assert done.unknown == ("pickupzone", "weather")
    assert {"pulocationid", "store_and_fwd_flag"} <= set(done.missing)
    assert done.header[-2:] == ("PickupZone", "weather")
    checks = {check.name: check for check in taxi_warehouse.ledger.checks(done.id)["load"]}
    assert checks["columns"].outcome == "warn"
    assert "pickupzone, weather" in checks["columns"].message
    values = """
        select vendorid, pulocationid, dolocationid, store_and_fwd_flag, unmapped
        from raw.green_tripdata where row_number = 3
    """
    assert reader.execute(values).fetchall() == [
        (2, None, 42, None, {"pickupzone": "3", "weather": "cloudy"})
    ]


def test_promise_6_honest_about_drift_of_types(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    """A whole-number column that comes as decimals is read as what it is; one that comes as words is not."""
    decimals = [GREEN, *(row(number).replace(",N,1,", ",N,1.0,") for number in range(100))]
    done = load(taxi_warehouse, published(write(tmp_path, text(decimals))))
    assert (done.rows_loaded, done.rows_rejected) == (100, 0)
    assert reader.execute("select distinct ratecodeid from raw.green_tripdata").fetchall() == [(1,)]
    before = content(reader)
    words = [GREEN, *(row(number).replace(",N,1,", ",N,one,") for number in range(100))]
    with pytest.raises(Exception, match="ratecodeid: 'one' is not a whole number"):
        stage(taxi_warehouse, published(write(tmp_path, text(words))))
    assert content(reader) == before


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
