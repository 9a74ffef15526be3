"""Removing leftovers of attempts that died, failed or came too late, and never those of a live one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import psycopg

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.load.leftovers import Verdict, judge
from nyc_taxi.postgres import attempts
from nyc_taxi.postgres.locks import attempt_lock, month_lock
from nyc_taxi.postgres.tables import StageTable

if TYPE_CHECKING:
    from nyc_taxi.core.month import Month

_log = logging.getLogger(__name__)


def remove_leftovers(connection: psycopg.Connection[Any], dataset: str, month: Month) -> None:
    """Remove what earlier attempts at a month left; a table that somebody reads is left for the next time."""
    for attempt in attempts.unfinished(connection, dataset, month):
        try:
            remove(connection, attempt)
        except psycopg.errors.LockNotAvailable:
            _log.info("The staged rows of %s are in use and are kept for now.", attempt)


def remove(connection: psycopg.Connection[Any], attempt: Attempt) -> bool:
    """Remove what one attempt left in its own transaction, and return whether it was a leftover.

    :raises psycopg.errors.LockNotAvailable: when its table is in use; nothing was changed
    """
    with connection.transaction():
        connection.execute("set local lock_timeout = '200ms'")
        verdict = verdict_on(connection, attempt)
        if verdict is None:
            return False
        if verdict.outcome is not None and not attempts.update(
            connection, attempt.id, verdict.outcome, only_from=[attempt.outcome], reason=verdict.reason
        ):
            return False
        drop_stage(connection, attempt)
        if attempt.outcome is Outcome.STAGING:
            drop_rejects(connection, attempt)
        return True


def verdict_on(connection: psycopg.Connection[Any], attempt: Attempt) -> Verdict | None:
    """Return what becomes of an unfinished attempt, which holds for the rest of the transaction.

    :returns: None when the attempt, or its table, may still be needed: a live process owns it or its month,
        or it has changed since it was looked up
    """
    staging = attempt.outcome is Outcome.STAGING
    lock = attempt_lock(attempt.id) if staging else month_lock(attempt.dataset, attempt.month)
    if not take(connection, lock):
        return None
    if attempt not in attempts.unfinished(connection, attempt.dataset, attempt.month):
        return None
    latest = attempts.latest(connection, attempt.dataset, attempt.month)
    now = connection.execute("select clock_timestamp()").fetchone()
    return judge(attempt, latest, now[0]) if now else None


def drop_stage(connection: psycopg.Connection[Any], attempt: Attempt) -> None:
    """Drop an attempt's stage table, if it has one, and forget its name."""
    StageTable.of(get_dataset(attempt.dataset), attempt.month, attempt.id).drop(connection)
    connection.execute("update ops.file_ledger set stage_table = null where id = %s", (attempt.id,))


def drop_rejects(connection: psycopg.Connection[Any], attempt: Attempt) -> None:
    """Delete the rejected rows of an attempt."""
    connection.execute("delete from ops.rejected_rows where attempt_id = %s", (attempt.id,))


def take(connection: psycopg.Connection[Any], lock: tuple[int, int]) -> bool:
    """Take a lock until the transaction ends, unless another session has it."""
    row = connection.execute("select pg_try_advisory_xact_lock(%s, %s)", lock).fetchone()
    return bool(row and row[0])


def discard(connection: psycopg.Connection[Any], attempt: Attempt) -> None:
    """Remove what an attempt has staged, whether it is alive or not."""
    with connection.transaction():
        drop_stage(connection, attempt)
        drop_rejects(connection, attempt)
