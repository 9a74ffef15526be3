"""A warehouse of an earlier version is upgraded in place, and what was on its way in it goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from nyc_taxi.postgres import ledger
from nyc_taxi.postgres.audit import audit_month
from nyc_taxi.postgres.ledger import Outcome
from nyc_taxi.postgres.publish import publish_month
from nyc_taxi.postgres.warehouse import Warehouse
from tests.postgres.earlier import AUDITED, CHECKS, PUBLISHED, STAGED, STATES, audit_as_then, build
from tests.postgres.trips import MONTH, content, counts, leftovers, published, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

LEDGER = "select to_jsonb(attempt) from ops.file_ledger as attempt order by id"
REJECTS = "select refused::text from ops.rejected_rows as refused order by attempt_id"
RESULTS = """
select
    q.attempt_id, q.dataset, q.month::text, q.dimension, q.check, q.value, q.limit, q.outcome, q.message,
    q.measured_by
from ops.quality_result as q
order by q.attempt_id, q.check
"""
CATALOGUE = """
select oid::regclass::text, xmin::text from pg_class
where relnamespace in ('raw'::regnamespace, 'ops'::regnamespace)
union all
select name, applied::text from ops.schema_migration
order by 1
"""
SHAPE = """
select
    c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, col_description(c.oid, a.attnum)
from pg_attribute as a inner join pg_class as c on a.attrelid = c.oid
where c.relnamespace in ('raw'::regnamespace, 'ops'::regnamespace) and c.relkind in ('r', 'p')
    and a.attnum > 0 and not c.relispartition
union all
select relation.relname, conname, pg_get_constraintdef(c.oid), true, ''
from pg_constraint as c inner join pg_class as relation on c.conrelid = relation.oid
where c.connamespace = 'ops'::regnamespace and c.contype <> 'n'
"""


@pytest.fixture(params=STATES, ids=[f"{len(steps)} steps, {steps[-1]}" for steps in STATES])
def steps(request: pytest.FixtureRequest) -> list[str]:
    """The steps that the warehouse had taken when it was last used."""
    chosen: list[str] = request.param
    return chosen


@pytest.fixture
def person(empty_warehouse_uri: str) -> Iterator[psycopg.Connection]:
    """A person's connection, which prepares nothing."""
    with psycopg.connect(empty_warehouse_uri, autocommit=True) as connection:
        yield connection


@pytest.fixture
def taxi_warehouse(empty_warehouse_uri: str) -> Warehouse:
    """The warehouse of this test alone, as an earlier version left it."""
    return Warehouse(lambda: psycopg.connect(empty_warehouse_uri), "postgres_taxi")


@pytest.fixture
def new_shape(warehouse_uri: str) -> set[tuple[Any, ...]]:
    """The tables of a warehouse that began with this version."""
    with psycopg.connect(warehouse_uri) as connection:
        return set(connection.execute(SHAPE))


def test_nothing_is_lost_and_a_second_upgrade_changes_nothing(
    taxi_warehouse: Warehouse,
    person: psycopg.Connection,
    steps: list[str],
    new_shape: set[tuple[Any, ...]],
    tmp_path: Path,
) -> None:
    build(person, steps, tmp_path)
    rows, attempts, rejects = content(person), person.execute(LEDGER).fetchall(), person.execute(REJECTS)
    assert [(month, number) for month, number, _ in rows] == [("2021-01-01", PUBLISHED)]
    assert len(attempts) == 3
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: taxi_warehouse.prepare(), range(6)))
    assert content(person) == rows
    for (before,), (after,) in zip(attempts, person.execute(LEDGER), strict=True):
        assert {name: after[name] for name in before} == before
    assert person.execute(REJECTS).fetchall() == rejects.fetchall()
    assert set(person.execute(SHAPE)) == new_shape
    upgraded = person.execute(CATALOGUE).fetchall()
    taxi_warehouse.prepare()
    assert person.execute(CATALOGUE).fetchall() == upgraded


def test_what_earlier_audits_found_becomes_results(
    taxi_warehouse: Warehouse, person: psycopg.Connection, steps: list[str], tmp_path: Path
) -> None:
    build(person, steps, tmp_path)
    taxi_warehouse.prepare()
    checks = sorted(CHECKS, key=lambda check: check.name)
    assert person.execute(RESULTS).fetchall() == [
        (attempt, "green", month, check.dimension, check.name, check.value, check.limit, check.outcome,
         check.message, "load")
        for attempt, month in ((1, "2021-01-01"), (2, "2021-02-01"))
        for check in checks
    ]  # fmt: skip
    assert set(audit_month(taxi_warehouse, 1)) == set(checks)  # as it was judged then


def test_attempts_that_were_on_their_way_go_on(
    taxi_warehouse: Warehouse, person: psycopg.Connection, steps: list[str], tmp_path: Path
) -> None:
    files = build(person, steps, tmp_path)
    # The first thing that happens after an upgrade is any step of any run; a month that is there stays.
    assert stage(taxi_warehouse, published(files["published"])).unchanged
    assert publish_month(taxi_warehouse, 2).outcome is Outcome.PUBLISHED
    assert {check.outcome for check in audit_month(taxi_warehouse, 3)} <= {"pass", "warn"}
    assert publish_month(taxi_warehouse, 3).outcome is Outcome.PUBLISHED
    assert counts(person) == {"2021-01-01": STAGED, "2021-02-01": AUDITED}
    assert leftovers(person) == []
    outcomes = person.execute("select outcome from ops.file_ledger order by id").fetchall()
    assert outcomes == [("replaced",), ("published",), ("published",)]
    before = content(person)
    again = stage(taxi_warehouse, published(files["staged"]), force=True)
    audit_month(taxi_warehouse, again.attempt)
    publish_month(taxi_warehouse, again.attempt)
    assert content(person) == before
    with taxi_warehouse.session() as connection:
        assert [reject.line for reject in ledger.rejects(connection, "green", MONTH)] == [b"cut"]


def test_an_audit_of_an_earlier_version_counts_after_the_upgrade(
    taxi_warehouse: Warehouse, person: psycopg.Connection, steps: list[str], tmp_path: Path
) -> None:
    """Processes of both versions are at work while a deployment is upgraded."""
    build(person, steps, tmp_path)
    taxi_warehouse.prepare()
    audit_as_then(person, 3)
    assert publish_month(taxi_warehouse, 3).outcome is Outcome.PUBLISHED
    assert counts(person) == {"2021-01-01": STAGED}


def test_six_processes_upgrade_at_once(
    empty_warehouse_uri: str, person: psycopg.Connection, new_shape: set[tuple[Any, ...]], tmp_path: Path
) -> None:
    build(person, STATES[0], tmp_path)
    script = (
        "import sys, psycopg; from nyc_taxi.postgres.warehouse import Warehouse\n"
        "sys.stdin.read(); Warehouse(lambda: psycopg.connect(sys.argv[1]), 'w').prepare()"
    )
    command = [sys.executable, "-c", script, empty_warehouse_uri]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    upgrades = [subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) for _ in range(6)]
    for upgrade in upgrades:
        assert upgrade.stdin is not None
        upgrade.stdin.close()
    assert [upgrade.wait(60) for upgrade in upgrades] == [0] * 6
    assert set(person.execute(SHAPE)) == new_shape
