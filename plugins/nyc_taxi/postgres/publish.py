"""Publishing a staged month: in one transaction, seen by readers as a whole or not at all."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.errors import ContractError
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.load.supersede import is_final, published_first, supersedes
from nyc_taxi.postgres import attempts
from nyc_taxi.postgres.locks import month_lock, patiently, wait_briefly
from nyc_taxi.postgres.readers import share_partition
from nyc_taxi.postgres.schema import columns_of
from nyc_taxi.postgres.sessions import one_line
from nyc_taxi.postgres.statements import names, statement
from nyc_taxi.postgres.sweep import drop_stage, remove_leftovers
from nyc_taxi.postgres.tables import StageTable, partition_name, partition_of

if TYPE_CHECKING:
    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.load.attempt import Key
    from nyc_taxi.postgres.sessions import Sessions

_log = logging.getLogger(__name__)

PATIENCE: Final = 600.0
"""Seconds for which publishing tries again to get a lock that another session holds."""

_KEPT: Final = "the staged rows are kept"


def publish_month(sessions: Sessions, key: Key, *, patience: float = PATIENCE) -> Attempt:
    """Make an audited attempt what readers see of its month, unless another version won meanwhile.

    Readers see the month's old rows or its new rows, whole, also those whose transaction began before.
    Doing it again returns the outcome of the first time.

    :param key: the attempt, as :func:`~nyc_taxi.load.stage.stage_month` returned it
    :param patience: seconds to wait for locks that others hold
    :returns: the attempt, *published* or *superseded* (*replaced* when it is asked again later)
    :raises ContractError: when the attempt was not audited, failed, or lost its stage table
    :raises WarehouseBusy: when a lock was not granted; the attempt can be published later
    """
    with sessions(f"publish attempt {key.id}") as connection:
        published, dead_rows = patiently(
            sessions,
            connection,
            lambda: _publish(connection, key),
            what=f"Publishing {key}",
            patience=patience,
            kept=_KEPT,
        )
        _refresh(connection, published, dead_rows=dead_rows)
        return published


def _publish(connection: psycopg.Connection[Any], key: Key) -> tuple[Attempt, bool]:
    """Return the attempt, and whether rows were deleted inside the month's partition."""
    dead_rows = False
    with connection.transaction():
        wait_briefly(connection)
        connection.execute("select pg_advisory_xact_lock(%s, %s)", month_lock(key.dataset, key.month))
        attempt = attempts.get(connection, key.id)
        if is_final(attempt):
            return attempt, dead_rows
        latest = attempts.latest(connection, attempt.dataset, attempt.month)
        if supersedes(attempt, latest):
            dead_rows = _put_in_place(connection, attempt)
            replaced = latest.id if latest and latest.outcome is Outcome.PUBLISHED else None
            if replaced is not None:
                attempts.update(connection, replaced, Outcome.REPLACED)
            attempts.update(connection, attempt.id, Outcome.PUBLISHED, replaced_id=replaced)
        else:
            drop_stage(connection, attempt)
            reason = published_first(latest) if latest else None
            attempts.update(connection, attempt.id, Outcome.SUPERSEDED, reason=reason)
    return attempts.get(connection, key.id), dead_rows


def _put_in_place(connection: psycopg.Connection[Any], attempt: Attempt) -> bool:
    """Return whether rows were deleted inside the month's partition."""
    dataset = get_dataset(attempt.dataset)
    partition = partition_of(connection, dataset, attempt.month)
    try:
        if partition is not None and not _exchangeable(connection, attempt, partition):
            _replace(connection, attempt, partition)
            return True
        if partition is not None:
            connection.execute(statement("drop_partition", partition=partition))
        _attach(connection, attempt)
        return False
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.DatatypeMismatch,
    ) as error:
        raise ContractError(
            f"The stage table of {attempt} is not what it was when it was staged: "
            f"{error.diag.message_primary}. Run the stage step of the month again."
        ) from error


def _attach(connection: psycopg.Connection[Any], attempt: Attempt) -> None:
    """Turn the stage table into the month's partition; nothing is copied or scanned."""
    dataset = get_dataset(attempt.dataset)
    staged = StageTable.of(dataset, attempt.month, attempt.id)
    name = partition_name(dataset, attempt.month)
    taken = connection.execute("select to_regclass(%s) is not null", (f'raw."{name}"',)).fetchone()
    if taken and taken[0]:
        # A person detached a partition and kept it: it stays theirs.
        name = f"{name}_v{attempt.id}"
    connection.execute(
        statement(
            "attach",
            table=staged.table,
            moved=sql.Identifier("raw", staged.name),
            name=sql.Identifier(name),
            partition=sql.Identifier("raw", name),
            parent=sql.Identifier("raw", dataset.table),
            first_day=sql.Literal(attempt.month.first_day),
        )
    )
    share_partition(connection, dataset, sql.Identifier("raw", name))


def _exchangeable(connection: psycopg.Connection[Any], attempt: Attempt, partition: sql.Identifier) -> bool:
    """Lock a month's partition if it can be exchanged for the stage table without anybody noticing.

    It cannot if an open transaction has read the dataset's table, or has a snapshot: one from before the rows
    were staged would see an empty month. Nor if the server is replicated, or if people have given the
    partition an index, a view, a right, or another name.
    """
    dataset = get_dataset(attempt.dataset)
    if partition != sql.Identifier("raw", partition_name(dataset, attempt.month)):
        return False
    parent = sql.Identifier("raw", dataset.table)
    tables = {"parent": parent.as_string(connection), "partition": partition.as_string(connection)}
    try:
        with connection.transaction():
            connection.execute(statement("lock_exchange", parent=parent, partition=partition))
            row = connection.execute(statement("exchangeable"), tables).fetchone()
            if row and row[0]:
                return True
            raise psycopg.Rollback
    except psycopg.errors.LockNotAvailable:
        return False
    return False


def _replace(connection: psycopg.Connection[Any], attempt: Attempt, partition: sql.Identifier) -> None:
    """Exchange the rows inside the month's partition, of which older snapshots still see the old ones."""
    dataset = get_dataset(attempt.dataset)
    staged = StageTable.of(dataset, attempt.month, attempt.id)
    connection.execute(statement("empty_month", partition=partition), {"month": attempt.month.first_day})
    columns = names(list(columns_of(connection, dataset)))
    copied = connection.execute(
        statement("fill_month", partition=partition, table=staged.table, columns=columns)
    )
    if copied.rowcount != attempt.rows_loaded:
        raise ContractError(
            f"The stage table of {attempt} holds {copied.rowcount} rows; {attempt.rows_loaded} were loaded. "
            "Somebody changed it: run the stage step of the month again."
        )
    staged.drop(connection)


def _refresh(connection: psycopg.Connection[Any], attempt: Attempt, *, dead_rows: bool) -> None:
    """Refresh the planner's statistics and clear up; a failure here undoes nothing that was published."""
    dataset = get_dataset(attempt.dataset)
    try:
        remove_leftovers(connection, attempt.dataset, attempt.month)
        partition = partition_of(connection, dataset, attempt.month)
        if attempt.outcome is not Outcome.PUBLISHED or partition is None:
            return
        # Rows deleted inside the partition are dead; unless their room is used again, each replacement adds
        # a month.
        refresh = "vacuum (analyze, skip_locked) {}" if dead_rows else "analyze (skip_locked) {}"
        connection.execute(sql.SQL(refresh).format(partition))
        _refresh_parent(connection, dataset)
    except psycopg.Error as error:
        _log.warning("%s is published; its statistics could not be refreshed: %s", attempt, one_line(error))


def _refresh_parent(connection: psycopg.Connection[Any], dataset: Dataset) -> None:
    """Analyze the dataset's whole table when it has grown by half since the last time.

    Reading a sample of every month costs more the more months there are; done this seldom, it adds the
    same to each month. Before Postgres 18 it would read every partition in full, so it is skipped there.
    """
    if connection.info.server_version < 180000:
        return
    outgrown = connection.execute(statement("outgrown"), {"schema": "raw", "table": dataset.table}).fetchone()
    if outgrown and outgrown[0]:
        parent = sql.Identifier("raw", dataset.table)
        connection.execute(sql.SQL("analyze (skip_locked) only {}").format(parent))
