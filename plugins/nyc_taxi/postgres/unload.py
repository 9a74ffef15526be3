"""Emptying a month on purpose, so that the ledger knows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.postgres import ledger
from nyc_taxi.postgres.locks import month_lock, patiently, wait_briefly
from nyc_taxi.postgres.publish import PATIENCE
from nyc_taxi.postgres.statements import statement
from nyc_taxi.postgres.tables import partition_of

if TYPE_CHECKING:
    from nyc_taxi.core.month import Month
    from nyc_taxi.postgres.warehouse import Warehouse

_log = logging.getLogger(__name__)


def unload_month(warehouse: Warehouse, dataset: str, month: Month, *, patience: float = PATIENCE) -> int:
    """Take a month's rows out of the warehouse, in one transaction with the ledger.

    Transactions that began before go on seeing the rows. The next run of the month loads it again. Rows
    that were refused, and the ledger's history, stay.

    :param patience: seconds to wait for locks that others hold
    :returns: how many rows were taken out, also those that the ledger does not know
    :raises WarehouseBusy: when a lock was not to be had; nothing was changed
    """
    with warehouse.session(f"unload {dataset} {month}") as connection:
        rows = patiently(
            warehouse,
            connection,
            lambda: _unload(connection, dataset, month),
            what=f"Unloading {dataset} {month}",
            patience=patience,
        )
        if rows:
            _give_room_back(connection, dataset, month)
        return rows


def _unload(connection: psycopg.Connection[Any], dataset: str, month: Month) -> int:
    with connection.transaction():
        wait_briefly(connection)
        connection.execute("select pg_advisory_xact_lock(%s, %s)", month_lock(dataset, month))
        current = ledger.current(connection, dataset, month)
        if current is not None:
            ledger.settle(connection, current.id, Outcome.UNLOADED)
        partition = partition_of(connection, get_dataset(dataset), month)
        if partition is None:
            return 0
        emptied = connection.execute(
            statement("empty_month", partition=partition), {"month": month.first_day}
        )
        return emptied.rowcount


def _give_room_back(connection: psycopg.Connection[Any], dataset: str, month: Month) -> None:
    """Shrink the emptied partition; a failure here undoes nothing."""
    try:
        partition = partition_of(connection, get_dataset(dataset), month)
        if partition is not None:
            connection.execute(sql.SQL("vacuum (analyze, skip_locked) {}").format(partition))
    except psycopg.Error as error:
        _log.warning("%s %s is unloaded; its room could not be given back: %s", dataset, month, error)
