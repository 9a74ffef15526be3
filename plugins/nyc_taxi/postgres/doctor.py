"""Leftovers in the warehouse, and what a person left half done in its tables.

Nothing that a live process owns is touched: attempts and months are guarded by locks that end with their
process, and each leftover is examined again under its lock before it is removed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.load.warehouse import Finding
from nyc_taxi.postgres import attempts
from nyc_taxi.postgres.locks import attempt_lock
from nyc_taxi.postgres.statements import statement
from nyc_taxi.postgres.sweep import remove, take, verdict_on
from nyc_taxi.postgres.tables import StageTable, half_detached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Leftover = tuple[Finding, Callable[[], bool]]

_STAGED = re.compile(r"(\w+)_\d{4}_\d{2}_(\d{1,18})")


def findings(connection: psycopg.Connection[Any], *, clean: bool) -> list[Finding]:
    """Return leftovers of dead attempts and half detached partitions.

    :param clean: whether to remove the leftovers that nobody reads
    """
    leftovers = [*_attempts(connection), *_tables(connection)]
    found = [_removed(*leftover) if clean else leftover[0] for leftover in leftovers]
    return [*found, *_partitions(connection)]


def _removed(finding: Finding, remove: Callable[[], bool]) -> Finding:
    """Remove a leftover, unless it is in use or has turned out to be needed."""
    try:
        done = "removed" if remove() else "left to the process that owns it now"
    except psycopg.errors.LockNotAvailable:
        return finding
    return replace(finding, to_do="", done=done)


def _attempts(connection: psycopg.Connection[Any]) -> Iterator[Leftover]:
    """Find attempts whose leftovers the next run of their month would remove."""
    for attempt in attempts.unfinished(connection):
        with connection.transaction():
            verdict = verdict_on(connection, attempt)
        if verdict is not None:
            stage = StageTable.of(get_dataset(attempt.dataset), attempt.month, attempt.id)
            to_do = f"{verdict.reason} --clean, or the next run of the month, removes it"
            finding = Finding(
                "dead attempt", str(attempt), attempt.started, *_space(connection, stage, to_do)
            )
            yield finding, partial(remove, connection, attempt)


def _tables(connection: psycopg.Connection[Any]) -> Iterator[Leftover]:
    """Find stage tables of attempts that are over, or that the ledger does not know."""
    for stage in _ownerless(connection):
        with connection.transaction():
            dead = _take(connection, stage)
        if dead:
            space = _space(connection, stage, "No attempt needs it. --clean removes it")
            yield (
                Finding("stage table", f"stage.{stage.name}", None, *space),
                partial(_drop, connection, stage),
            )


def _ownerless(connection: psycopg.Connection[Any]) -> list[StageTable]:
    """Return the tables that only an attempt can have created and that none needs any more."""
    ours = {get_dataset(name).table for name in dataset_names()}
    names = [name for (name,) in connection.execute(statement("ownerless"))]
    return [StageTable(name) for name in names if (made := _STAGED.fullmatch(name)) and made[1] in ours]


def _take(connection: psycopg.Connection[Any], stage: StageTable) -> bool:
    """Take the lock of the attempt that a table is named after, unless that is still staging."""
    return take(connection, attempt_lock(int(stage.name.rpartition("_")[2])))


def _drop(connection: psycopg.Connection[Any], stage: StageTable) -> bool:
    with connection.transaction():
        connection.execute("set local lock_timeout = '200ms'")
        if not _take(connection, stage) or stage not in _ownerless(connection):
            return False
        stage.drop(connection)
        return True


def _space(connection: psycopg.Connection[Any], stage: StageTable, to_do: str) -> tuple[int | None, str]:
    """Return the space that a stage table takes, and what to do, with the sessions that use the table."""
    name = {"table": f'stage."{stage.name}"'}
    users = "; ".join(user for (user,) in connection.execute(statement("users_of_table"), name))
    if users:
        return None, f"{to_do}, once it is no longer used by {users}."
    row = connection.execute("select pg_total_relation_size(to_regclass(%(table)s))", name).fetchone()
    return (row[0] if row else None), f"{to_do}."


def _partitions(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Find partitions that a person's ``detach … concurrently`` left half detached."""
    for dataset in map(get_dataset, dataset_names()):
        for name, finish in half_detached(connection, dataset):
            yield Finding("partition", name, None, None, f"It is half detached. Finish it with: {finish}")
