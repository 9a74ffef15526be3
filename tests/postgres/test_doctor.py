"""What dead runs left behind is found and removed, and never what a live one or a person has."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.doctor import examine
from nyc_taxi.postgres import attempts, doctor
from nyc_taxi.postgres.locks import attempt_lock
from tests.trips import (
    NEXT,
    green,
    leftovers,
    load,
    published,
    staged_and_audited,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nyc_taxi.load.warehouse import Finding
    from nyc_taxi.postgres.warehouse import PostgresWarehouse


@pytest.fixture
def look(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> Callable[..., list[Finding]]:
    """Examine the warehouse of this test."""

    def examined(*, clean: bool = False) -> list[Finding]:
        return examine(taxi_warehouse, clean=clean)

    return examined


def kinds(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.what, finding.where) for finding in findings]


def die_while_copying(warehouse: PostgresWarehouse, reader: psycopg.Connection, path: Path) -> int:
    """Leave what a process leaves that died over two connections: a row, and a table with rows."""
    with warehouse.sessions() as dying:
        attempt = attempts.begin(dying, published(path), "killed")
    forgotten = staged_and_audited(warehouse, published(path), force=True).id
    table = f"stage.green_tripdata_2021_01_{attempt.id}"
    reader.execute(
        f"alter table stage.green_tripdata_2021_01_{forgotten} rename to green_tripdata_2021_01_{attempt.id}"
    )
    reader.execute(
        f"alter table {table} rename constraint green_tripdata_2021_01_{forgotten}_file_month "
        f"to green_tripdata_2021_01_{attempt.id}_file_month"
    )
    reader.execute(
        "update ops.file_ledger set outcome = 'staging', stage_table = null where id = %s", (attempt.id,)
    )
    reader.execute("delete from ops.file_ledger where id = %s", (forgotten,))
    return attempt.id


def test_a_dead_attempt_is_found_and_settled_with_its_table(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    tmp_path: Path,
    look: Callable[..., list[Finding]],
) -> None:
    dead = die_while_copying(taxi_warehouse, reader, green(tmp_path))
    (found,) = look()
    assert (found.what, found.where) == ("dead attempt", f"green 2021-01 (attempt {dead})")
    assert found.bytes
    assert "--clean, or the next run of the month, removes it" in found.to_do
    assert leftovers(reader) == [f"green_tripdata_2021_01_{dead}"]
    (cleaned,) = look(clean=True)
    assert (cleaned.done, cleaned.to_do) == ("removed", "")
    assert leftovers(reader) == []
    assert reader.execute("select outcome, reason from ops.file_ledger").fetchall() == [
        ("abandoned", "The process that staged it died.")
    ]
    assert look() == []


@pytest.mark.parametrize("days", [6, 8])
def test_the_table_of_a_failed_audit_is_kept_for_a_week(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    tmp_path: Path,
    look: Callable[..., list[Finding]],
    days: int,
) -> None:
    failed = staged_and_audited(taxi_warehouse, published(green(tmp_path))).id
    attempts.update(reader, failed, Outcome.FAILED, reason="audit")
    reader.execute("update ops.file_ledger set started = started - %s", (timedelta(days=days),))
    found = look(clean=True)
    assert [finding.done for finding in found] == (["removed"] if days == 8 else [])
    assert len(leftovers(reader)) == (0 if days == 8 else 1)
    assert reader.execute("select outcome, reason from ops.file_ledger").fetchall() == [("failed", "audit")]


def test_a_table_that_the_ledger_does_not_know_is_found_and_a_persons_is_not(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    tmp_path: Path,
    look: Callable[..., list[Finding]],
) -> None:
    lost = staged_and_audited(taxi_warehouse, published(green(tmp_path))).id
    other = published(green(tmp_path / "next", month=NEXT), month=NEXT)
    over = staged_and_audited(taxi_warehouse, other).id
    reader.execute("delete from ops.file_ledger where id = %s", (lost,))
    attempts.update(reader, over, Outcome.ABANDONED)
    theirs = ["green_tripdata_2021_01_7", "green_tripdata_2021_01_mine", "notes"]
    for name in theirs:
        reader.execute(f"create table stage.{name} (like stage.green_tripdata_2021_01_{lost} including all)")
    ours = [f"green_tripdata_2021_01_{lost}", f"green_tripdata_2021_02_{over}"]
    assert kinds(look()) == [("stage table", f"stage.{name}") for name in ours]
    assert [finding.done for finding in look(clean=True)] == ["removed", "removed"]
    assert leftovers(reader) == theirs
    assert look() == []


def test_a_table_whose_ledger_row_was_deleted_under_a_live_process_stays(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    tmp_path: Path,
    look: Callable[..., list[Finding]],
) -> None:
    number = die_while_copying(taxi_warehouse, reader, green(tmp_path))
    reader.execute("delete from ops.file_ledger")
    with taxi_warehouse.sessions() as alive:
        alive.execute("select pg_advisory_lock(%s, %s)", attempt_lock(number))
        assert look(clean=True) == []
        alive.execute("select pg_advisory_unlock_all()")
    assert [finding.done for finding in look(clean=True)] == ["removed"]


@pytest.mark.parametrize("how", ["a process has its lock", "the ledger knows it"])
def test_a_table_that_is_needed_again_between_looking_and_cleaning_stays(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    look: Callable[..., list[Finding]],
    how: str,
) -> None:
    number = staged_and_audited(taxi_warehouse, published(green(tmp_path))).id
    attempts.update(reader, number, Outcome.ABANDONED)
    with taxi_warehouse.sessions() as alive:

        def need_it(finding: Finding, remove: Callable[[], bool]) -> Finding:
            if how == "the ledger knows it":
                attempts.update(reader, number, Outcome.STAGED)
            else:
                alive.execute("select pg_advisory_lock(%s, %s)", attempt_lock(number))
            return removed(finding, remove)

        removed = doctor._removed
        monkeypatch.setattr(doctor, "_removed", need_it)
        (found,) = look(clean=True)
        assert (found.done, found.to_do) == ("left to the process that owns it now", "")
        assert len(leftovers(reader)) == 1


@pytest.mark.parametrize("known", [True, False])
def test_a_table_that_is_read_is_left_and_the_reader_named(
    taxi_warehouse: PostgresWarehouse,
    warehouse_uri: str,
    reader: psycopg.Connection,
    tmp_path: Path,
    look: Callable[..., list[Finding]],
    known: bool,
) -> None:
    number = die_while_copying(taxi_warehouse, reader, green(tmp_path))
    if not known:
        reader.execute("delete from ops.file_ledger")
    with psycopg.connect(warehouse_uri, application_name="a person's psql") as person:
        person.execute(f"select count(*) from stage.green_tripdata_2021_01_{number}")
        (found,) = look(clean=True)
        assert found.done == ""
        assert f"pid {person.info.backend_pid} (user taxi, application a person's psql)" in found.to_do
        assert len(leftovers(reader)) == 1
    assert [finding.done for finding in look(clean=True)] == ["removed"]


def test_a_half_detached_partition_is_found_with_the_statement_that_finishes_it(
    taxi_warehouse: PostgresWarehouse,
    warehouse_uri: str,
    reader: psycopg.Connection,
    tmp_path: Path,
    look: Callable[..., list[Finding]],
) -> None:
    load(taxi_warehouse, published(green(tmp_path)))
    with psycopg.connect(warehouse_uri) as person:
        person.execute("select count(*) from raw.green_tripdata")
        reader.execute("set lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            reader.execute(
                "alter table raw.green_tripdata detach partition raw.green_tripdata_2021_01 concurrently"
            )
    found = {finding.what: finding for finding in look(clean=True)}
    assert found["partition"].where == "raw.green_tripdata_2021_01"
    _, _, way_out = found["partition"].to_do.partition("Finish it with: ")
    reader.execute(way_out)
    assert "partition" not in {finding.what for finding in look()}
