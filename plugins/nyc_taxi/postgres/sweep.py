"""Clearing up after attempts that died, failed or came too late, and never after a live one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.postgres import ledger
from nyc_taxi.postgres.locks import attempt_lock, month_lock
from nyc_taxi.postgres.statements import statement
from nyc_taxi.postgres.tables import StageTable

if TYPE_CHECKING:
    from nyc_taxi.core.month import Month

_log = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an attempt that was left behind: its table goes, and this is written down.

    :param outcome: the attempt's new outcome; None when it keeps the one it has
    :param reason: why
    """

    outcome: Outcome | None
    reason: str


def sweep(connection: psycopg.Connection[Any], dataset: str, month: Month) -> None:
    """Settle what earlier attempts at a month left behind; best effort, and quick.

    * An attempt whose process died while staging is *abandoned*: its lock is free.
    * A staged attempt that could no longer be published is *superseded*, one older than a week *abandoned*.
    * The table of a failed audit goes once the month has been published since, or after a week.

    A table that somebody is reading is left for the next time.
    """
    for attempt in ledger.unfinished(connection, dataset, month):
        try:
            settle(connection, attempt)
        except psycopg.errors.LockNotAvailable:
            _log.info("What %s left behind is in use and stays for now.", attempt)


def settle(connection: psycopg.Connection[Any], attempt: Attempt) -> bool:
    """Settle one attempt in a transaction of its own, and return whether it was left behind.

    :raises psycopg.errors.LockNotAvailable: when its table is in use; nothing was changed
    """
    with connection.transaction():
        connection.execute("set local lock_timeout = '200ms'")
        verdict = judge(connection, attempt)
        if verdict is None:
            return False
        if verdict.outcome is not None:
            ledger.settle(connection, attempt.id, verdict.outcome, reason=verdict.reason)
        drop_stage(connection, attempt)
        return True


def judge(connection: psycopg.Connection[Any], attempt: Attempt) -> Verdict | None:
    """Return what becomes of an unfinished attempt, and keep it so for the rest of the transaction.

    :returns: None when the attempt, or its table, may still be needed: a process works on it or on its
        month, or it went on since it was looked up
    """
    staging = attempt.outcome is Outcome.STAGING
    lock = attempt_lock(attempt.id) if staging else month_lock(attempt.dataset, attempt.month)
    if not take(connection, lock):
        return None
    if attempt not in ledger.unfinished(connection, attempt.dataset, attempt.month):
        return None
    latest = ledger.latest(connection, attempt.dataset, attempt.month)
    return _verdict(attempt, latest, old=_is_old(connection, attempt))


def _verdict(attempt: Attempt, latest: Attempt | None, *, old: bool) -> Verdict | None:
    if attempt.outcome is Outcome.STAGING:
        return Verdict(Outcome.ABANDONED, "The process that staged it ended without a word.")
    if attempt.outcome is Outcome.FAILED:
        if latest is not None and latest.id > attempt.id:
            return Verdict(None, "The month was published since.")
        return Verdict(None, "It failed more than a week ago.") if old else None
    if latest is not None and not supersedes(attempt, latest):
        return Verdict(Outcome.SUPERSEDED, f"Attempt {latest.id} was published first.")
    return Verdict(Outcome.ABANDONED, "It was staged a week ago and never published.") if old else None


def drop_stage(connection: psycopg.Connection[Any], attempt: Attempt) -> None:
    """Drop an attempt's stage table, if it has one, and forget its name."""
    StageTable.of(get_dataset(attempt.dataset), attempt.month, attempt.id).drop(connection)
    connection.execute("update ops.file_ledger set stage_table = null where id = %s", (attempt.id,))


def take(connection: psycopg.Connection[Any], lock: tuple[int, int]) -> bool:
    """Take a lock until the transaction ends, unless another session has it."""
    row = connection.execute("select pg_try_advisory_xact_lock(%s, %s)", lock).fetchone()
    return bool(row and row[0])


def _is_old(connection: psycopg.Connection[Any], attempt: Attempt) -> bool:
    row = connection.execute(statement("is_old"), {"started": attempt.started}).fetchone()
    return bool(row and row[0])
