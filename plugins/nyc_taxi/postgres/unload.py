"""Removing a month in one transaction with the ledger."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.postgres import attempts
from nyc_taxi.postgres.locks import month_lock, patiently, wait_briefly
from nyc_taxi.postgres.publish import PATIENCE
from nyc_taxi.postgres.sessions import one_line
from nyc_taxi.postgres.statements import statement
from nyc_taxi.postgres.tables import partition_of

if TYPE_CHECKING:
    from nyc_taxi.core.month import Month
    from nyc_taxi.postgres.sessions import Sessions

_log = logging.getLogger(__name__)


def unload_month(sessions: Sessions, dataset: str, month: Month, *, patience: float = PATIENCE) -> int:
    """Remove a month's rows from the warehouse, in one transaction with the ledger.

    Transactions that began before still see the rows. The next run of the month loads it again. Rejected
    rows and the ledger's history are kept.

    :param patience: seconds to wait for locks that others hold
    :returns: how many rows were removed, including those that the ledger does not know
    :raises WarehouseBusy: when a lock was not granted; nothing was changed
    """
    with sessions(f"unload {dataset} {month}") as connection:
        rows = patiently(
            sessions,
            connection,
            lambda: _unload(connection, dataset, month),
            what=f"Unloading {dataset} {month}",
            patience=patience,
        )
        if rows:
            _give_space_back(connection, dataset, month)
        return rows


def _unload(connection: psycopg.Connection[Any], dataset: str, month: Month) -> int:
    with connection.transaction():
        wait_briefly(connection)
        connection.execute("select pg_advisory_xact_lock(%s, %s)", month_lock(dataset, month))
        current = attempts.current(connection, dataset, month)
        if current is not None:
            attempts.update(connection, current.id, Outcome.UNLOADED)
        partition = partition_of(connection, get_dataset(dataset), month)
        if partition is None:
            return 0
        emptied = connection.execute(
            statement("empty_month", partition=partition), {"month": month.first_day}
        )
        return emptied.rowcount


def _give_space_back(connection: psycopg.Connection[Any], dataset: str, month: Month) -> None:
    """Shrink the emptied partition; a failure here undoes nothing."""
    try:
        partition = partition_of(connection, get_dataset(dataset), month)
        if partition is not None:
            connection.execute(sql.SQL("vacuum (analyze, skip_locked) {}").format(partition))
    except psycopg.Error as error:
        reason = one_line(error)
        _log.warning("%s %s is unloaded; its space could not be given back: %s", dataset, month, reason)
