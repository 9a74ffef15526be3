"""Sessions of a Postgres warehouse: with pinned settings, and with each failure as one sentence."""

from __future__ import annotations

import os
import time
import weakref
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from nyc_taxi.errors import TaxiError, WarehouseBusy, WarehouseRefused, WarehouseUnreachable
from nyc_taxi.postgres.connecting import not_connected
from nyc_taxi.postgres.pooler import require_own_session
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OLDEST: Final = 16
"""The oldest major version of Postgres that is supported."""

IDLE_SECONDS: Final = 60.0
"""How long a connection may have been idle to be used again.

Whether one still works after a long time might only show after minutes of waiting for an answer.
"""

_SETTINGS: Final = {
    # Text forms of dates and numbers, which the rows and the audit rely on.
    "datestyle": "ISO, YMD",
    "timezone": "UTC",
    "client_encoding": "UTF8",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    # Every name is written with its schema, and what is decided under a lock is read after it was granted.
    "search_path": "pg_catalog",
    "default_transaction_isolation": "read committed",
    # A month is read in the order in which it was written.
    "synchronize_seqscans": "off",
    "client_min_messages": "warning",
    # A load may take hours, and its connection idles during the download.
    "lock_timeout": "60s",
    "statement_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "tcp_keepalives_idle": "60",
}


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Sessions:
    """Opens sessions of one database, one after the other over the same connection.

    The connection of a session that ended well is kept for the next one, in any thread; there is one at most.
    It holds no lock and no transaction, and is closed together with this object.

    :param open: opens a new connection; it must be a direct one, because locks last as long as it does
    :param name: what messages call the warehouse: the connection's id, never its URI
    """

    open: Callable[[], psycopg.Connection[Any]]
    name: str
    # By process: a forked child must neither use nor close the connection of its parent.
    _kept: dict[int, tuple[psycopg.Connection[Any], float]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        weakref.finalize(self, _close, self._kept)

    @contextmanager
    def __call__(self, purpose: str = "") -> Iterator[psycopg.Connection[Any]]:
        """Open a session in autocommit mode, with settings that no role or database default changes.

        :param purpose: what the session is for, as the server's list of sessions shows it
        :raises WarehouseUnreachable: when nothing answers, or the connection is lost later
        :raises WarehouseRefused: when the user, password or database is turned down, or a right is missing
        :raises WarehouseRefused: when the server is older than :data:`OLDEST`
        :raises WarehouseBusy: when a lock is not granted in time
        """
        process = os.getpid()
        idle = self._take(process, purpose)
        connection = idle or self._connect()
        kept = False
        try:
            if idle is None:
                self._configure(connection, purpose)
            yield connection
            if connection.info.transaction_status is TransactionStatus.IDLE:
                mine = (connection, time.monotonic())
                kept = self._kept.setdefault(process, mine) is mine
        except psycopg.Error as error:
            known = _failed(error, connection, self.name)
            if known is None:
                raise
            raise known from error
        finally:
            if not kept:
                connection.close()

    def close(self) -> None:
        """Close the idle connection; the next session opens another one."""
        _close(self._kept)

    def _take(self, process: int, purpose: str) -> psycopg.Connection[Any] | None:
        """Return the idle connection in the state of a new one, or None if there is none that works."""
        connection, since = self._kept.pop(process, (None, 0.0))
        if connection is None:
            return None
        with suppress(psycopg.Error):  # A new connection shows what is wrong.
            if time.monotonic() - since < IDLE_SECONDS:
                _pin(connection, purpose, reset=True)
                return connection
        connection.close()
        return None

    def _connect(self) -> psycopg.Connection[Any]:
        try:
            return self.open()
        except psycopg.OperationalError as error:
            raise not_connected(error, self.name) from None
        except psycopg.Error as error:
            raise WarehouseRefused(
                f"The connection {self.name} is not a valid Postgres connection ({type(error).__name__}). "
                "Correct its host, port, database and extra fields."
            ) from None

    def _configure(self, connection: psycopg.Connection[Any], purpose: str) -> None:
        major = connection.info.server_version // 10000
        if major < OLDEST:
            raise WarehouseRefused(
                f"The warehouse {self.name} is Postgres {major}; {OLDEST} or newer is needed. "
                "Point the connection at a newer server."
            )
        connection.rollback()
        # The server answers only in the process that the login named: a pooler would pass the settings on.
        if not _pin(connection, purpose, connection.info.backend_pid):
            require_own_session(connection, self._connect, self.name)
            _pin(connection, purpose)


def _pin(
    connection: psycopg.Connection[Any], purpose: str, process: int | None = None, *, reset: bool = False
) -> bool:
    """Pin the settings of a session in one round trip, and return whether that was done.

    :param process: the process of the server that has to serve the session, or nothing is set
    :param reset: whether to undo first what an earlier session has set or left
    """
    connection.autocommit = True
    connection.row_factory = tuple_row
    connection.prepare_threshold = None
    settings = {**_SETTINGS, "application_name": f"nyc_taxi {purpose}".strip()[:63]}
    if connection.info.server_version >= 170000:
        settings["transaction_timeout"] = "0"
    values = {"names": list(settings), "values": list(settings.values()), "process": process}
    query = statement("configure_session")
    if reset:  # Only a cursor that fills in the values itself can send several statements at once.
        query = statement("reset_session") + query
        return psycopg.ClientCursor(connection).execute(query, values).rowcount != 0
    return connection.execute(query, values).rowcount != 0


def _close(kept: dict[int, tuple[psycopg.Connection[Any], float]]) -> None:
    """Close the connection that this process has kept."""
    connection, _ = kept.pop(os.getpid(), (None, 0.0))
    if connection is not None:
        connection.close()


def one_line(error: psycopg.Error) -> str:
    """Return what the server, or else libpq, says of an error, without its line breaks."""
    return " ".join((error.diag.message_primary or str(error)).split())


def _failed(error: psycopg.Error, connection: psycopg.Connection[Any], name: str) -> TaxiError | None:
    """Return what a failure of a statement means, or None when it is a bug of this package."""
    said = one_line(error)
    if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
        return WarehouseBusy(
            f"The warehouse {name} did not grant a lock in time: {said}. Run this step again."
        )
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return WarehouseRefused(
            f"The warehouse {name} denied a right: {said}. Grant it to the connection's user."
        )
    if isinstance(error, psycopg.errors.ObjectNotInPrerequisiteState) and "replica identity" in said:
        return WarehouseRefused(
            f"The warehouse {name} publishes a table for logical replication: {said}. Let its owner run: "
            "alter table … replica identity full; then run this step again."
        )
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return WarehouseRefused(
            f"The warehouse {name} is read-only: {said}. Connect to the primary server, or remove "
            "default_transaction_read_only from the connection's user."
        )
    if (error.sqlstate or "").startswith("53"):
        return WarehouseUnreachable(
            f"The warehouse {name} ran out of resources: {said}. Nothing was published; "
            "free some, then run this step again."
        )
    if connection.closed or connection.broken:
        return WarehouseUnreachable(
            f"The connection to the warehouse {name} was lost: {said}. Run this step again; "
            "committed work is kept, and nothing else is."
        )
    return None
