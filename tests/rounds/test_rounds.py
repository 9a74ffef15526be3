"""Rounds of runs of a few months, mixed at random, while their files are published anew and people read."""

from __future__ import annotations

import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import IsolationLevel, sql

from nyc_taxi.core.month import Month
from nyc_taxi.files.download import download
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.load import load_month
from nyc_taxi.load.recheck import find_republished
from nyc_taxi.load.stage import stage_month
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.extent import extent
from tests.file_server import FileServer
from tests.rounds.shelf import DATASETS, Shelf, content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from local.postgres import EmbeddedPostgres
    from tests.rounds.shelf import Key

KEYS: list[Key] = [(dataset, Month("2021-01").plus(number)) for dataset in DATASETS for number in range(3)]
KINDS = {
    "run": 6,
    "forced run": 4,
    "task by task": 8,
    "killed between two tasks": 3,
    "recheck": 1,
    "published anew": 6,
    "touched": 2,
    "unloaded": 2,
}
"""What happens in a round, and how often."""

AT_ONCE = 8
LATE = 0.3
"""Seconds for which a run may wait between two of its tasks."""

ENDED = {Outcome.PUBLISHED, Outcome.REPLACED, Outcome.UNLOADED, Outcome.SUPERSEDED}
DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"
STAGE_TABLES = "select count(*) from pg_class where relnamespace = 'stage'::regnamespace"


@dataclass(frozen=True)
class Job:
    """Something that is done to a month.

    :param waits: how long it waits before each of its steps
    """

    kind: str
    key: Key
    waits: tuple[float, ...]
    streams: int


@dataclass(frozen=True)
class Actors:
    """Those who work on a warehouse at the same time."""

    warehouse: PostgresWarehouse
    shelf: Shelf

    def do(self, job: Job) -> None:
        """Do a job; whatever goes wrong in it is raised."""
        match job.kind:
            case "run":
                self._run(job.key)
            case "forced run":
                self._run(job.key, force=True)
            case "task by task":
                self._task_by_task(job, 3)
            case "killed between two tasks":
                self._task_by_task(job, 1 + (job.streams == 1))
            case "recheck":
                self._recheck()
            case "published anew":
                self.shelf.publish(job.key)
                self._run(job.key)
            case "touched":
                self.shelf.touch(job.key)
                self._run(job.key)
            case _:
                self.warehouse.prepare()
                self.warehouse.unload(*job.key)

    def _run(self, key: Key, *, force: bool = False) -> None:
        dataset, month = key
        done = load_month(self.warehouse, self.shelf.sources, dataset, month, run_id="run", force=force)
        assert done.outcome in ENDED

    def _task_by_task(self, job: Job, tasks: int) -> None:
        """Take the first tasks of a run, which may wait in between as they do in Airflow."""
        publication = self.shelf.sources.ask(*job.key)
        time.sleep(job.waits[0])
        staged = stage_month(
            replace(self.warehouse, streams=job.streams),
            publication,
            fetch=download,
            run_id="task by task",
            force=job.waits[0] > LATE / 2,
        )
        steps: list[Callable[[], object]] = [
            lambda: audit_month(self.warehouse, staged.key),
            lambda: self.warehouse.publish(staged.key),
        ]
        if not staged.unchanged:
            for wait, step in zip(job.waits[1:], steps[: tasks - 1], strict=False):
                time.sleep(wait)
                step()

    def _recheck(self) -> None:
        self.warehouse.prepare()
        for answer in find_republished(self.warehouse, self.shelf.sources).republished:
            self._run((answer.dataset, answer.month))


def drawn(draw: random.Random) -> list[Job]:
    """Draw the jobs of a round."""
    kinds = [kind for kind, often in KINDS.items() for _ in range(often)]
    draw.shuffle(kinds)
    return [
        Job(
            kind,
            draw.choice(KEYS),
            tuple(draw.uniform(0, LATE) for _ in range(3)),
            draw.choice([1, 2]),
        )
        for kind in kinds
    ]


@contextmanager
def readers(uri: str, shelf: Shelf) -> Iterator[None]:
    """Read all months all the while, in both isolation levels, and check every look."""
    stop = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        looking = [threads.submit(look, uri, shelf, stop) for look in (look_anew, look_back)]
        try:
            yield
        finally:
            stop.set()
        assert all(looks.result() > 0 for looks in looking)


def look_anew(uri: str, shelf: Shelf, stop: threading.Event) -> int:
    """Read in READ COMMITTED: every month is a whole version, and never an older one than before."""
    looks = 0
    newest = dict.fromkeys(KEYS, 0)
    with psycopg.connect(uri, autocommit=True) as connection:
        while not stop.wait(0.02):
            for key, rows in content(connection).items():
                version = shelf.versions[key].index(rows)
                assert version >= newest[key], f"{key} went back to an older file"
                newest[key] = version
            looks += 1
    return looks


def look_back(uri: str, shelf: Shelf, stop: threading.Event) -> int:
    """Read in REPEATABLE READ: a snapshot stays what it was, though no month was locked meanwhile."""
    looks = 0
    with psycopg.connect(uri) as old, psycopg.connect(uri) as now:
        old.isolation_level = now.isolation_level = IsolationLevel.REPEATABLE_READ
        while not stop.wait(0.02):
            with old.transaction():
                (snapshot,) = old.execute("select pg_export_snapshot()").fetchone() or ("",)
                with now.transaction():
                    now.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot)))
                    seen = content(now)
                assert all(rows in shelf.versions[key] for key, rows in seen.items())
                stop.wait(0.3)
                assert content(old) == seen
            looks += 1
    return looks


@pytest.fixture
def database(postgres_server: EmbeddedPostgres) -> Iterator[Callable[[], str]]:
    """Makes empty databases, and drops them again."""
    with ExitStack() as dropped:

        def make() -> str:
            name = f"rounds_{uuid.uuid4().hex[:12]}"
            postgres_server.create_database(name)
            dropped.callback(drop, postgres_server.uri("postgres"), name)
            return postgres_server.uri(name)

        yield make


def drop(uri: str, name: str) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)')


@pytest.mark.parametrize("seed", range(extent(1, 12)))
def test_runs_mixed_at_random_end_as_they_would_one_after_another(
    database: Callable[[], str], tmp_path: Path, seed: int
) -> None:
    """Three rounds on one warehouse, the first of which finds it empty."""
    draw = random.Random(seed)
    alone, uri = database(), database()
    warehouse = PostgresWarehouse(lambda: psycopg.connect(uri), "together")
    with FileServer() as server:
        shelf = Shelf(server, PostgresWarehouse(lambda: psycopg.connect(alone), "alone"), tmp_path)
        actors = Actors(warehouse, shelf)
        for key in KEYS:
            shelf.publish(key)
        for number in range(3):
            jobs = drawn(draw)
            if number == 0:
                jobs += [Job("run", key, (), 1) for key in KEYS]
            with ExitStack() as reading, ThreadPoolExecutor(AT_ONCE) as threads:
                if number:
                    reading.enter_context(readers(uri, shelf))
                list(threads.map(actors.do, jobs))
            check_content(uri, shelf, {job.key for job in jobs if job.kind == "unloaded"})
            for dataset, month in KEYS:
                load_month(warehouse, shelf.sources, dataset, month, run_id="next", force=True)
            check_content(uri, shelf, set())
            check_ledger(warehouse, uri)


def check_content(uri: str, shelf: Shelf, unloaded: set[Key]) -> None:
    """Check that every month that is there is the newest version, and that only unloaded ones are not."""
    with psycopg.connect(uri) as connection:
        found = content(connection)
    newest = {key: versions[-1] for key, versions in shelf.versions.items()}
    assert {key: newest[key] for key in found} == found
    assert set(newest) - set(found) <= unloaded


def check_ledger(warehouse: PostgresWarehouse, uri: str) -> None:
    """Check that every attempt has ended, says why if it was dropped, and has left nothing behind."""
    attempts = [attempt for key in KEYS for attempt in warehouse.ledger.history(*key)]
    holding = warehouse.ledger.published()
    assert {attempt.outcome for attempt in attempts} <= ENDED
    assert all(attempt.reason for attempt in attempts if attempt.outcome is Outcome.SUPERSEDED)
    assert len(holding) == len(KEYS)
    with psycopg.connect(uri) as connection:
        rows = {key: rows for key, (rows, _) in content(connection).items()}
        assert {(one.dataset, one.month): one.rows_loaded for one in holding} == rows
        assert all(one.rows_in_file == (one.rows_loaded or 0) + (one.rows_rejected or 0) for one in holding)
        assert connection.execute(STAGE_TABLES).fetchone() == (0,)
        assert connection.execute(DEADLOCKS).fetchone() == (0,)
