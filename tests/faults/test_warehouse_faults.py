"""Bad days of the warehouse: one clear message, nothing lost, nothing half done, and the rerun is right."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from local.postgres import EmbeddedPostgres
from nyc_taxi.errors import WarehouseBusy, WarehouseRefused, WarehouseUnreachable
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.stage import stage_month
from nyc_taxi.postgres.publish import publish_month
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.trips import (
    MONTH,
    content,
    fetch,
    green,
    leftovers,
    load,
    published,
    stage,
    staged_and_audited,
)
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication

ROWS = 300
PLACES = 7
"""How many connections the server of these tests accepts."""


@pytest.fixture
def expected(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> list[tuple[str, int, str]]:
    """What the month holds when nothing goes wrong; the warehouse is empty again."""
    load(taxi_warehouse, published(green(tmp_path, ROWS)))
    held = content(reader)
    reader.execute("drop table raw.green_tripdata_2021_01")
    reader.execute("delete from ops.file_ledger")
    return held


@pytest.fixture
def ordinary(ordinary_uri: str) -> PostgresWarehouse:
    """The warehouse of a user without special rights, for whom limits hold."""
    warehouse = PostgresWarehouse(lambda: psycopg.connect(ordinary_uri), "postgres_taxi")
    warehouse.prepare()
    return warehouse


@pytest.fixture
def administrator(empty_warehouse_uri: str, ordinary: PostgresWarehouse) -> Iterator[psycopg.Connection]:
    """An administrator of the ordinary user's warehouse."""
    with psycopg.connect(empty_warehouse_uri, autocommit=True) as connection:
        yield connection


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("there", "held"),
    [
        (0, "lock table raw.green_tripdata in access exclusive mode"),
        (50, "lock table raw.green_tripdata_2021_01 in access exclusive mode"),
        (50, "select from raw.green_tripdata where row_number = 7 for share"),
        (50, "delete from raw.green_tripdata where row_number = 7"),
        (50, "lock table ops.file_ledger in exclusive mode"),
        (50, "lock table ops.file_ledger in access exclusive mode"),
    ],
)
def test_publishing_waits_for_a_person_names_them_and_can_be_done_later(
    taxi_warehouse: PostgresWarehouse,
    warehouse_uri: str,
    reader: psycopg.Connection,
    expected: list[tuple[str, int, str]],
    tmp_path: Path,
    there: int,
    held: str,
) -> None:
    if there:
        load(taxi_warehouse, published(green(tmp_path / "before", there)))
    before = content(reader)
    attempt = staged_and_audited(taxi_warehouse, published(green(tmp_path, ROWS)))
    with psycopg.connect(warehouse_uri, application_name="a notebook") as person:
        person.execute(held.encode())
        with pytest.raises(WarehouseBusy) as caught:
            publish_month(taxi_warehouse.sessions, attempt, patience=0)
        said = str(caught.value)
        assert (
            f"lock held by pid {person.info.backend_pid} (user taxi, application a notebook, idle in" in said
        )
        assert "the staged rows are kept" in said
        assert "\n" not in said
        person.rollback()
    assert content(reader) == before
    assert len(leftovers(reader)) == 1
    assert publish_month(taxi_warehouse.sessions, attempt, patience=0).outcome is Outcome.PUBLISHED
    assert content(reader) == expected


def test_timeouts_and_settings_of_a_role_do_not_end_a_load(
    ordinary: PostgresWarehouse,
    ordinary_user: str,
    administrator: psycopg.Connection,
    expected: list[tuple[str, int, str]],
    tmp_path: Path,
) -> None:
    since_17 = ["transaction_timeout = '1s'"] if administrator.info.server_version >= 170000 else []
    for setting in (
        *since_17,
        "statement_timeout = '1s'",
        "idle_in_transaction_session_timeout = '1s'",
        "idle_session_timeout = '1s'",
        "lock_timeout = '100ms'",
        "default_transaction_isolation = 'serializable'",
        "search_path = 'nowhere'",
        "datestyle = 'German'",
        "row_security = off",
    ):
        administrator.execute(f"alter role {ordinary_user} set {setting}".encode())

    def slow(publication: Publication, folder: Path) -> File:
        time.sleep(1.5)
        return fetch(publication, folder)

    attempt = stage(ordinary, published(green(tmp_path, ROWS)), fetch=slow).key
    audit_month(ordinary, attempt)
    with administrator.transaction():
        administrator.execute("lock table raw.green_tripdata in share mode")
        publishing = threading.Thread(target=ordinary.publish, args=(attempt,))
        publishing.start()
        time.sleep(1.5)
    publishing.join()
    assert content(administrator) == expected


def test_role_that_may_have_no_more_connections_is_told_so(
    ordinary: PostgresWarehouse, ordinary_user: str, administrator: psycopg.Connection, tmp_path: Path
) -> None:
    administrator.execute(f"alter role {ordinary_user} connection limit 0".encode())
    with pytest.raises(WarehouseUnreachable, match="accepts no connections now: too many connections"):
        stage(ordinary, published(green(tmp_path, ROWS)))


@pytest.mark.parametrize(
    ("there", "taken", "given", "says"),
    [
        (0, "revoke create on schema raw from {user}", "grant create on schema raw to {user}", "schema raw"),
        (
            50,
            "revoke usage on schema stage from {user}",
            "grant usage on schema stage to {user}",
            "schema stage",
        ),
        (0, "alter role {user} nologin", "alter role {user} login", "not permitted to log in"),
        (
            0,
            "alter role {user} set default_transaction_read_only = on",
            "alter role {user} reset default_transaction_read_only",
            r"read-only.*default_transaction_read_only",
        ),
    ],
)
def test_right_that_was_taken_away_in_between_is_named_and_the_attempt_is_kept(
    ordinary: PostgresWarehouse,
    ordinary_user: str,
    administrator: psycopg.Connection,
    expected: list[tuple[str, int, str]],
    tmp_path: Path,
    there: int,
    taken: str,
    given: str,
    says: str,
) -> None:
    if there:
        load(ordinary, published(green(tmp_path / "before", there)))
    before = content(administrator)
    attempt = staged_and_audited(ordinary, published(green(tmp_path, ROWS)))
    administrator.execute(taken.format(user=ordinary_user).encode())
    ordinary.sessions.close()  # the next task has its own connection
    with pytest.raises(WarehouseRefused, match=says) as caught:
        ordinary.publish(attempt)
    assert "\n" not in str(caught.value)
    assert content(administrator) == before
    administrator.execute(given.format(user=ordinary_user).encode())
    assert ordinary.publish(attempt).outcome is Outcome.PUBLISHED
    assert content(administrator) == expected
    assert leftovers(administrator) == []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server that these tests stop and start, with few places for connections."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = (
        ("max_connections", str(PLACES)),
        ("superuser_reserved_connections", "1"),
        ("max_wal_senders", "0"),
    )
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), port, settings)
    server.start()
    yield server
    server.stop("immediate")


@contextmanager
def database(server: EmbeddedPostgres, name: str) -> Iterator[PostgresWarehouse]:
    """Give a warehouse of a test that restarts its server."""
    server.create_database(name)
    warehouse = PostgresWarehouse(lambda: psycopg.connect(server.uri(name)), "w")
    warehouse.prepare()
    yield warehouse


def seen(server: EmbeddedPostgres, name: str) -> tuple[list[tuple[str, int, str]], list[str]]:
    """Return what a reader sees, and what is in stage."""
    with psycopg.connect(server.uri(name)) as reader:
        return content(reader), leftovers(reader)


def test_server_that_crashes_between_the_steps_loses_none_of_them(
    server: EmbeddedPostgres, expected: list[tuple[str, int, str]], tmp_path: Path
) -> None:
    with database(server, "crashed") as warehouse:
        attempt = stage(warehouse, published(green(tmp_path, ROWS))).key
        server.stop("immediate")
        with pytest.raises(WarehouseUnreachable, match="cannot be reached: Connection refused"):
            audit_month(warehouse, attempt)
        server.start()
        audit_month(warehouse, attempt)
        server.stop("immediate")
        server.start()
        assert warehouse.publish(attempt).outcome is Outcome.PUBLISHED
        server.stop("immediate")
        server.start()
        assert seen(server, "crashed") == (expected, [])


def test_server_in_recovery_is_read_only_until_it_is_promoted(
    server: EmbeddedPostgres, expected: list[tuple[str, int, str]], tmp_path: Path
) -> None:
    with database(server, "recovering") as warehouse:
        file = published(green(tmp_path, ROWS))
        attempt = staged_and_audited(warehouse, file)
        staged = stage(warehouse, file).key
        server.stop()
        (server._data / "standby.signal").touch()
        server.start()
        for step in (
            lambda: stage(warehouse, file),
            lambda: audit_month(warehouse, staged),
            lambda: warehouse.publish(attempt),
        ):
            with pytest.raises(WarehouseRefused, match=r"w is read-only: .*Connect to the primary server"):
                step()
        assert [one.outcome for one in warehouse.ledger.history("green", MONTH)] == ["audited", "staged"]
        with warehouse.sessions() as connection:
            connection.execute("select pg_promote()")
        assert warehouse.publish(attempt).outcome is Outcome.PUBLISHED
        audit_month(warehouse, staged)
        assert warehouse.publish(staged).outcome is Outcome.SUPERSEDED
        assert seen(server, "recovering") == (expected, [])


def test_server_without_a_place_for_a_connection_refuses_a_load(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    with database(server, "crowded") as warehouse, ExitStack() as others:

        def full() -> bool:
            """Whether other programs have every place, also those that sessions have just left."""
            with suppress(psycopg.OperationalError):
                while True:
                    others.enter_context(psycopg.connect(server.uri("crowded")))
                    taken.append(True)
            return len(taken) == PLACES

        taken: list[bool] = []
        warehouse.sessions.close()
        eventually(full)
        with pytest.raises(WarehouseUnreachable, match="accepts no connections now: sorry, too many clients"):
            stage(warehouse, published(green(tmp_path, ROWS)))


def test_server_without_a_place_for_a_second_connection_is_loaded_over_one(
    taxi_warehouse: PostgresWarehouse,
    warehouse_uri: str,
    reader: psycopg.Connection,
    expected: list[tuple[str, int, str]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A real server keeps the place of a closed session for some milliseconds; this one does not."""
    opened: list[psycopg.Connection] = []

    def two_at_once() -> psycopg.Connection:
        if sum(not one.closed for one in opened) == 2:
            raise psycopg.errors.TooManyConnections(
                'connection failed: connection to server at "127.0.0.1", port 5432 failed: '
                "FATAL:  sorry, too many clients already"
            )
        opened.append(psycopg.connect(warehouse_uri))
        return opened[-1]

    crowded = replace(taxi_warehouse, open=two_at_once, streams=2)
    staged = stage(crowded, published(green(tmp_path, ROWS)))
    assert "Copying over 1 of 2 connections: The warehouse postgres_taxi" in caplog.text
    audit_month(crowded, staged.key)
    crowded.publish(staged.key)
    assert content(reader) == expected


@pytest.mark.parametrize("streams", [1, 2])
def test_connections_that_are_cut_during_a_copy_leave_the_month_as_it_was(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    expected: list[tuple[str, int, str]],
    tmp_path: Path,
    streams: int,
) -> None:
    """An administrator ends every session of the load, the second stream's included."""
    load(taxi_warehouse, published(green(tmp_path / "before", 50)))
    before = content(reader)
    file = published(green(tmp_path, ROWS))
    end = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"

    def cut(step: str, done: int, total: int | None) -> None:
        assert len(reader.execute(end).fetchall()) == streams + 1

    with pytest.raises(WarehouseUnreachable, match=r"postgres_taxi was lost: .*Run this step again") as lost:
        stage_month(replace(taxi_warehouse, streams=streams), file, fetch=fetch, run_id="cut", progress=cut)
    assert str(lost.value).isprintable()
    assert content(reader) == before
    assert load(taxi_warehouse, file).outcome is Outcome.PUBLISHED
    assert content(reader) == expected
    assert leftovers(reader) == []
