"""One connection is kept open between the sessions of a warehouse, and no session notices."""

from __future__ import annotations

import gc
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from nyc_taxi.postgres import attempts, publish, unload
from nyc_taxi.postgres import sessions as connections
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.trips import content, green, load, published
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STATE = """
select 'setting', name, setting from pg_settings where name not in ('transaction_isolation')
union all select 'role', current_user, session_user
union all select 'lock', classid::text, objid::text from pg_locks
    where pid = pg_backend_pid() and locktype = 'advisory'
union all select 'table', relname, null from pg_class where relnamespace = pg_my_temp_schema()
union all select 'channel', channel, null from pg_listening_channels() as channel
union all select 'cursor', name, null from pg_cursors where is_holdable
union all select 'prepared', name, null from pg_prepared_statements where from_sql
order by 1, 2
"""


def process(warehouse: PostgresWarehouse) -> int:
    """Return the server's process of a session."""
    with warehouse.sessions() as connection:
        return connection.info.backend_pid


def test_a_session_has_nothing_of_the_one_whose_connection_it_reuses(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str
) -> None:
    new = PostgresWarehouse(lambda: psycopg.connect(warehouse_uri), "postgres_taxi")
    with taxi_warehouse.sessions("something else") as connection:
        used = connection.info.backend_pid
        for change in (
            "set work_mem = '7MB'",
            "set search_path = ops",
            "set lock_timeout = '1ms'",
            "set statement_timeout = '1min'",
            "set role pg_monitor",
            "create temp table mine (id int)",
            "listen taxi",
            "declare mine cursor with hold for select 1",
            "prepare mine as select 1",
            "select pg_advisory_lock(1, 2)",
        ):
            connection.execute(change)
        connection.row_factory = psycopg.rows.dict_row
        connection.prepare_threshold = 0
    with taxi_warehouse.sessions("a test") as connection, new.sessions("a test") as fresh:
        assert connection.info.backend_pid == used
        assert connection.execute(STATE).fetchall() == fresh.execute(STATE).fetchall()
        assert connection.prepare_threshold is None
        assert connection.autocommit


def fails(connection: psycopg.Connection[Any]) -> None:
    raise KeyError("a bug")


def leaves_a_transaction_open(connection: psycopg.Connection[Any]) -> None:
    connection.execute("begin")


def cannot_release_its_locks(connection: psycopg.Connection[Any]) -> None:
    connection.execute("select pg_advisory_lock(1, 2)")
    with suppress(psycopg.errors.DivisionByZero):
        connection.execute("begin; select 1 / 0")
    attempts.release(connection)


@pytest.mark.parametrize("trouble", [fails, leaves_a_transaction_open, cannot_release_its_locks])
def test_a_session_that_did_not_end_well_is_closed(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    trouble: Callable[[psycopg.Connection[Any]], None],
) -> None:
    with suppress(KeyError), taxi_warehouse.sessions() as connection:
        ended = connection.info.backend_pid
        trouble(connection)
    assert process(taxi_warehouse) != ended
    eventually(lambda: not reader.execute("select 1 from pg_locks where pid = %s", (ended,)).fetchall())


def test_a_connection_that_was_idle_for_long_is_not_used(
    taxi_warehouse: PostgresWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = process(taxi_warehouse)
    assert process(taxi_warehouse) == before
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0)
    assert process(taxi_warehouse) != before


def test_a_connection_that_the_server_closed_is_replaced_in_silence(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    lost = process(taxi_warehouse)
    assert reader.execute("select pg_terminate_backend(%s, 60000)", (lost,)).fetchone() == (True,)
    assert process(taxi_warehouse) != lost
    assert caplog.records == []


def test_threads_never_share_a_connection_and_leave_one(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection
) -> None:
    busy: set[int] = set()

    def use(_: int) -> None:
        with taxi_warehouse.sessions("shared") as connection:
            mine = connection.info.backend_pid
            assert mine not in busy
            busy.add(mine)
            connection.execute("select pg_sleep(0.001)")
            busy.remove(mine)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(60)))
    ours = "select count(*) from pg_stat_activity where application_name = 'nyc_taxi shared'"
    eventually(lambda: reader.execute(ours).fetchone() == (1,))


@contextmanager
def forked() -> Iterator[bool]:
    """Run the block in a forked child, too, which ends with it; give whether this is the child."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process with threads
        child = os.fork()
    if child:
        yield False
        assert os.waitpid(child, 0)[1] == 0
        return
    failed = True
    try:
        yield True
        failed = False
    finally:
        os._exit(failed)


def test_a_forked_child_leaves_its_parents_connection_alone(warehouse_uri: str) -> None:
    kept = PostgresWarehouse(lambda: psycopg.connect(warehouse_uri), "postgres_taxi")
    before = process(kept)
    with forked() as is_child:
        if is_child:
            assert process(kept) != before
            del kept
            gc.collect()
    assert process(kept) == before


def test_the_connection_is_closed_with_the_warehouse(warehouse_uri: str, reader: psycopg.Connection) -> None:
    kept = PostgresWarehouse(lambda: psycopg.connect(warehouse_uri), "postgres_taxi")
    used = process(kept)
    lives = "select count(*) from pg_stat_activity where pid = %s"
    assert reader.execute(lives, (used,)).fetchone() == (1,)
    del kept
    eventually(lambda: reader.execute(lives, (used,)).fetchone() == (0,))


def test_a_load_opens_two_connections(warehouse_uri: str, tmp_path: Path) -> None:
    """One holds the attempt's lock, and the other one serves every session after the first."""
    opened: list[psycopg.Connection[Any]] = []

    def open() -> psycopg.Connection[Any]:
        opened.append(psycopg.connect(warehouse_uri))
        return opened[-1]

    warehouse = PostgresWarehouse(open, "postgres_taxi")
    load(warehouse, published(green(tmp_path)))
    assert len(opened) == 2


def test_a_connection_lost_while_clearing_up_undoes_nothing_and_is_one_sentence(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    attempt = load(taxi_warehouse, published(green(tmp_path)))
    with taxi_warehouse.sessions() as connection:
        reader.execute("select pg_terminate_backend(%s, 60000)", (connection.info.backend_pid,))
        publish._refresh(connection, attempt, dead_rows=False)
        unload._give_space_back(connection, attempt.dataset, attempt.month)
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        f"{attempt} is published",
        f"{attempt.dataset} {attempt.month} is unloaded",
    ]
    assert all(record.getMessage().isprintable() for record in caplog.records)
    assert [rows for _, rows, _ in content(reader)] == [100]
