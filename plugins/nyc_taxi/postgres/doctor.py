"""What runs that died left behind, and where the warehouse and its ledger differ.

Nothing that a live process works on is ever touched: attempts and months are guarded by locks
that end with their process, and each is looked at again under its lock before anything of it is removed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.postgres import ledger
from nyc_taxi.postgres.locks import attempt_lock
from nyc_taxi.postgres.schema import prepare
from nyc_taxi.postgres.statements import statement
from nyc_taxi.postgres.sweep import judge, settle, take
from nyc_taxi.postgres.tables import StageTable, count_months, half_detached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.postgres.warehouse import Warehouse

_STAGED = re.compile(r"(\w+)_\d{4}_\d{2}_(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    :param what: which kind of thing
    :param where: its name, or its place
    :param since: when it began, or was last changed, with time zone, if that is known
    :param bytes: the room that it takes, if that is known
    :param to_do: what a person can do; empty once nothing is left to do
    :param done: what was done about it; empty when nothing was
    :param clear: clears it up, unless it turns out to be needed, and says whether it did; None when that is
        for a person to do
    """

    what: str
    where: str
    since: datetime | None
    bytes: int | None
    to_do: str
    done: str = ""
    clear: Callable[[], bool] | None = field(default=None, repr=False, compare=False)

    def cleared(self) -> Finding:
        """Return what became of it after trying to clear it up.

        What turned out to be alive, or was cleared up by somebody else meanwhile, is nobody's task any more.
        """
        if self.clear is None:
            return self
        try:
            done = "removed" if self.clear() else "left to the process that has it now"
        except psycopg.errors.LockNotAvailable:
            return self
        return replace(self, to_do="", done=done)


def examine(warehouse: Warehouse, *, clean: bool = False) -> list[Finding]:
    """Look at the whole warehouse.

    :param clean: whether to clear up what dead processes left, as far as nobody reads it
    :returns: what was found; what has something in ``to_do`` is left
    """
    with warehouse.session("doctor") as connection:
        prepare(connection)
        found = [
            *_attempts(connection),
            *_tables(connection),
            *_months(connection),
            *_partitions(connection),
        ]
        return [finding.cleared() for finding in found] if clean else found


def _attempts(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Find attempts that the next run of their month would settle."""
    for attempt in ledger.unfinished(connection):
        with connection.transaction():
            verdict = judge(connection, attempt)
        if verdict is not None:
            stage = StageTable.of(get_dataset(attempt.dataset), attempt.month, attempt.id)
            yield Finding(
                "dead attempt",
                str(attempt),
                attempt.started,
                *_room(
                    connection, stage, f"{verdict.reason} --clean, or the next run of the month, removes it"
                ),
                clear=partial(settle, connection, attempt),
            )


def _tables(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Find stage tables of attempts that are over, or that the ledger does not know."""
    for stage in _ownerless(connection):
        with connection.transaction():
            alone = _take(connection, stage)
        if alone:
            yield Finding(
                "stage table",
                f"stage.{stage.name}",
                None,
                *_room(connection, stage, "No attempt needs it. --clean removes it"),
                clear=partial(_drop, connection, stage),
            )


def _ownerless(connection: psycopg.Connection[Any]) -> list[StageTable]:
    """Return the tables that only an attempt can have made, and that none needs any more."""
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


def _room(connection: psycopg.Connection[Any], stage: StageTable, to_do: str) -> tuple[int | None, str]:
    """Return the room that a stage table takes, and what to do, by way of those who use the table."""
    name = {"table": f'stage."{stage.name}"'}
    users = "; ".join(user for (user,) in connection.execute(statement("users_of_table"), name))
    if users:
        return None, f"{to_do}, once it is not in use any more by {users}."
    row = connection.execute("select pg_total_relation_size(to_regclass(%(table)s))", name).fetchone()
    return (row[0] if row else None), f"{to_do}."


def _months(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Find months that hold another number of rows than the ledger says."""
    for dataset in map(get_dataset, dataset_names()):
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read")
            published = ledger.months(connection, dataset.name)
            held = count_months(connection, dataset)
        known = {attempt.month.first_day: attempt.rows_loaded or 0 for attempt in published}
        for first_day in sorted({*known, *held}):
            said, there = known.get(first_day, 0), held.get(first_day, 0)
            if said != there:
                yield _difference(dataset, f"{first_day:%Y-%m}", said, there)


def _difference(dataset: Dataset, month: str, said: int, there: int) -> Finding:
    return Finding(
        "rows",
        f"{dataset.name} {month}",
        None,
        None,
        f"raw.{dataset.table} holds {there:,} rows, the ledger says {said:,}. Load the month again: airflow "
        f"taxi load {dataset.name} {month}; or take it out: airflow taxi unload {dataset.name} {month}.",
    )


def _partitions(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Find partitions of which a person's ``detach … concurrently`` was left half done."""
    for dataset in map(get_dataset, dataset_names()):
        for name, way_out in half_detached(connection, dataset):
            yield Finding("partition", name, None, None, f"It is half detached. Finish it with: {way_out}")
