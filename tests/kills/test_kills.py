"""A load is killed at a random instant, and run again: the month is as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
import pytest

from local.postgres import EmbeddedPostgres, PostgresFailed
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.extent import extent
from tests.postgres.loading import loading
from tests.trips import MONTH, content, leftovers, lines, load, published, text, write
from tests.waiting import HANGS, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.process import BaseProcess
    from pathlib import Path

SMALL, LARGE = 5_000, 180_000
"""Rows; the large files are copied over two connections."""

SEEN = (
    "select count(*), coalesce(sum(fare_amount), 0) from raw.green_tripdata where file_month = '2021-01-01'"
)
SESSIONS = "select pid from pg_stat_activity where application_name like 'nyc_taxi %'"


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server that only these tests use, because they kill it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = EmbeddedPostgres(tmp_path_factory.mktemp("victim"), port)
    server.start()
    server.create_database("warehouse")
    yield server
    server.stop("immediate")


def start_again(server: EmbeddedPostgres) -> None:
    """Start a killed server, once the kernel has let go of the memory that its children shared."""

    def answers() -> bool:
        with suppress(PostgresFailed, psycopg.OperationalError):
            server.start()
            psycopg.connect(server.uri("warehouse")).close()
            return True
        return False

    eventually(answers)


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.home / "data" / "postmaster.pid").read_text().split("\n", 1)[0])


def kill(what: str, child: BaseProcess, server: EmbeddedPostgres, draw: random.Random) -> None:
    if what == "process":
        child.kill()
    elif what == "postgres":
        os.kill(postmaster(server), signal.SIGKILL)
    else:
        with psycopg.connect(server.uri("warehouse"), autocommit=True) as connection:
            pids = [pid for (pid,) in connection.execute(SESSIONS)]
            if pids and what == "connection":
                connection.execute("select pg_terminate_backend(%s)", (draw.choice(pids),))
        if pids and what == "backend":
            # Postgres ends every other session then, and starts itself again.
            with suppress(ProcessLookupError):
                os.kill(draw.choice(pids), signal.SIGKILL)


def run_until(
    server: EmbeddedPostgres,
    path: Path,
    what: str,
    after: float,
    draw: random.Random,
    allowed: set[tuple[int, float]],
) -> bool:
    """Load a file in a separate process, kill something after some seconds, and read all the while.

    :return: whether the load was still going on then
    """
    with (
        loading(server.uri("warehouse"), path) as child,
        psycopg.connect(server.uri("warehouse"), autocommit=True) as reader,
    ):
        deadline = time.monotonic() + HANGS
        while not reader.execute(SESSIONS).fetchone() and child.is_alive():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        begun, killed = time.monotonic(), False
        while child.is_alive() and time.monotonic() < deadline:
            if not killed and time.monotonic() - begun >= after:
                kill(what, child, server, draw)
                killed = True
            with suppress(psycopg.OperationalError):
                if not reader.closed:
                    assert reader.execute(SEEN).fetchone() in allowed
            time.sleep(0.01)
    return killed


def test_killed_at_random_instants(victim: EmbeddedPostgres, tmp_path: Path) -> None:
    """The process, one of its backends (twice over), or Postgres itself, in new and in replaced months."""
    draw = random.Random(20210101)
    warehouse = PostgresWarehouse(lambda: psycopg.connect(victim.uri("warehouse")), "victim")
    warehouse.prepare()
    files = {
        (rows, fare): write(
            tmp_path / f"{rows}-{fare}", text(lines(rows, fare=fare)), f"green_tripdata_{MONTH}.csv"
        )
        for rows in (SMALL, LARGE)
        for fare in (1, 2)
    }
    wanted: dict[tuple[int, int], tuple[object, float]] = {}
    for (rows, fare), path in files.items():
        began = time.monotonic()
        load(warehouse, published(path), force=True)
        with psycopg.connect(victim.uri("warehouse")) as connection:
            wanted[rows, fare] = (content(connection), time.monotonic() - began)
    hits, rounds = 0, extent(5, 50)
    for number in range(rounds):
        what = ("process", "backend", "postgres", "connection")[number % 4]
        rows = (LARGE, SMALL)[number // 4 % 2]
        with psycopg.connect(victim.uri("warehouse"), autocommit=True) as connection:
            connection.execute("drop table if exists raw.green_tripdata_2021_01")
            connection.execute("delete from ops.file_ledger")
        allowed = {(0, 0.0)}
        if draw.random() < 0.6:
            load(warehouse, published(files[SMALL, 1]))
            allowed = {(SMALL, float(SMALL))}
        new, (expected, _) = files[rows, 2], wanted[rows, 2]
        seconds = min(wanted[rows, fare][1] for fare in (1, 2))  # a hiccup of the machine is no measure
        after = draw.uniform(0, 1.2) * seconds
        warehouse.sessions.close()  # only the child's are to be killed
        hits += run_until(victim, new, what, after, draw, allowed | {(rows, 2.0 * rows)})
        start_again(victim)
        load(warehouse, published(new))
        with psycopg.connect(victim.uri("warehouse"), autocommit=True) as connection:
            told = f"{number}: {what} after {after:.2f} s, {rows} rows"
            assert content(connection) == expected, told
            assert leftovers(connection) == [], told
            outcomes = [attempt.outcome for attempt in warehouse.ledger.history("green", MONTH)]
            assert outcomes.count(Outcome.PUBLISHED) == 1, told
            assert not {Outcome.STAGING, Outcome.STAGED, Outcome.AUDITED} & set(outcomes), told
    assert hits >= rounds // 2
