"""Clearing up after attempts that died, failed or came too late, and never after a live one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import psycopg

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.postgres import ledger
from nyc_taxi.postgres.ledger import Attempt, Outcome
from nyc_taxi.postgres.locks import attempt_lock, month_lock
from nyc_taxi.postgres.statements import statement
from nyc_taxi.postgres.tables import StageTable

if TYPE_CHECKING:
    from nyc_taxi.core.month import Month

_log = logging.getLogger(__name__)

_WAITING = (Outcome.STAGED, Outcome.AUDITED)


def supersedes(attempt: Attempt, latest: Attempt | None) -> bool:
    """Whether a staged attempt may be published after the one that was published last.

    It may when nothing was published since it began. Otherwise another version has won meanwhile,
    and only a newer file from the very same place takes over from it: an older file never
    overwrites a newer one, nor comes back after the newer one was unloaded.
    """
    if latest is None or latest.id == attempt.base_id:
        return True
    return (
        attempt.url == latest.url
        and attempt.last_modified is not None
        and latest.last_modified is not None
        and attempt.last_modified > latest.last_modified
    )


def sweep(connection: psycopg.Connection[Any], dataset: str, month: Month) -> None:
    """Settle what earlier attempts at a month left behind; best effort, and quick.

    * An attempt whose process died while staging is *abandoned*: its lock is free.
    * A staged attempt that could no longer be published is *superseded*, one older than a week *abandoned*.
    * The table of a failed audit goes once the month has been published since, or after a week.

    A table that somebody is reading is left for the next time.
    """
    for attempt in ledger.unfinished(connection, dataset, month):
        try:
            with connection.transaction():
                connection.execute("set local lock_timeout = '200ms'")
                _settle(connection, attempt)
        except psycopg.errors.LockNotAvailable:
            _log.info("What %s left behind is in use and stays for now.", attempt)


def _settle(connection: psycopg.Connection[Any], attempt: Attempt) -> None:
    """Settle one attempt, in a transaction of its own."""
    if attempt.outcome is Outcome.STAGING:
        if not _take(connection, attempt_lock(attempt.id)):
            return
        reason = "The process that staged it ended without a word."
        if ledger.settle(
            connection, attempt.id, Outcome.ABANDONED, only_from=[attempt.outcome], reason=reason
        ):
            drop_stage(connection, attempt)
        return
    if not _take(connection, month_lock(attempt.dataset, attempt.month)):
        return
    attempt = ledger.get(connection, attempt.id)
    latest = ledger.latest(connection, attempt.dataset, attempt.month)
    if attempt.outcome in _WAITING and not supersedes(attempt, latest):
        overtaken = f"Attempt {latest.id} was published first." if latest else None
        ledger.settle(connection, attempt.id, Outcome.SUPERSEDED, reason=overtaken)
        drop_stage(connection, attempt)
    elif _is_old(connection, attempt):
        if attempt.outcome in _WAITING:
            reason = "It was staged a week ago and never published."
            ledger.settle(connection, attempt.id, Outcome.ABANDONED, reason=reason)
        drop_stage(connection, attempt)
    elif attempt.outcome is Outcome.FAILED and latest is not None and latest.id > attempt.id:
        drop_stage(connection, attempt)


def drop_stage(connection: psycopg.Connection[Any], attempt: Attempt) -> None:
    """Drop an attempt's stage table, if it has one, and forget its name."""
    StageTable.of(get_dataset(attempt.dataset), attempt.month, attempt.id).drop(connection)
    connection.execute("update ops.file_ledger set stage_table = null where id = %s", (attempt.id,))


def _take(connection: psycopg.Connection[Any], lock: tuple[int, int]) -> bool:
    """Take a lock until the transaction ends, unless another session has it."""
    row = connection.execute("select pg_try_advisory_xact_lock(%s, %s)", lock).fetchone()
    return bool(row and row[0])


def _is_old(connection: psycopg.Connection[Any], attempt: Attempt) -> bool:
    row = connection.execute(statement("is_old"), {"started": attempt.started}).fetchone()
    return bool(row and row[0])
