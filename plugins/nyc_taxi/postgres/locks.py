"""The advisory locks that keep concurrent runs apart, and waiting for any lock with patience.

All locks are taken in the two-key form, so that they cannot meet the single-key locks of other
programs in the same database.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from nyc_taxi.errors import TaxiError, WarehouseBusy
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nyc_taxi.core.month import Month
    from nyc_taxi.postgres.sessions import Sessions

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_SPACE = int.from_bytes(b"taxi")
PREPARE = (_SPACE, 0)
"""Held while the schema is created or changed."""
_ONE_TRY = "3s"


def attempt_lock(attempt: int) -> tuple[int, int]:
    """Return the lock that the sessions of a staging process share for as long as it lives.

    A session that gets it alone knows that the process is dead.
    """
    return _SPACE + 1, attempt & 0x7FFFFFFF


def month_lock(dataset: str, month: Month) -> tuple[int, int]:
    """Return the lock under which a month's current version is chosen.

    Two months may share a lock by accident of hashing; they then publish one after the other.
    """
    return _SPACE + 2, zlib.crc32(f"{dataset} {month}".encode()) & 0x7FFFFFFF


def wait_briefly(connection: psycopg.Connection[Any]) -> None:
    """Let this transaction wait three seconds for each lock, because later sessions queue behind it."""
    connection.execute("select set_config('lock_timeout', %s, true)", (_ONE_TRY,))


@dataclass(slots=True)
class _Watch:
    """Which session was last seen to block a waiting connection."""

    stop: threading.Event = field(default_factory=threading.Event)
    seen: str = ""

    def look(self, sessions: Sessions, pid: int) -> None:
        """Look up twice a second which sessions block the process, until stopped."""
        try:
            with sessions("watching a lock") as connection:
                while not self.stop.wait(0.5):
                    rows = connection.execute(statement("blocking"), {"pid": pid}).fetchall()
                    self.seen = "; ".join(row[0] for row in rows) or self.seen
        except (TaxiError, psycopg.Error):
            _log.debug("The holder of the lock cannot be looked up.", exc_info=True)


@contextmanager
def _watching(sessions: Sessions, connection: psycopg.Connection[Any]) -> Iterator[_Watch]:
    watch = _Watch()
    thread = threading.Thread(target=watch.look, args=(sessions, connection.info.backend_pid), daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop.set()
        thread.join()


def patiently(
    sessions: Sessions,
    connection: psycopg.Connection[Any],
    step: Callable[[], _T],
    *,
    what: str,
    patience: float,
    kept: str = "",
) -> _T:
    """Run a transaction again, after a short random pause, while a lock it needs is held by others.

    :param step: the whole transaction, which begins with :func:`wait_briefly` and is rolled back by it
    :param what: what is being done, for the message
    :param patience: seconds after which no new try begins; there are two at least, the second of which
        looks up the session that holds the lock
    :param kept: what is kept for the next try, for the message
    :raises WarehouseBusy: naming the session that held the lock
    """
    deadline = time.monotonic() + patience
    seen = ""
    first = True
    while True:
        try:
            if first:
                return step()
            with _watching(sessions, connection) as watch:
                try:
                    return step()
                finally:
                    seen = watch.seen or seen
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            holder = seen or "a session that could not be identified"
            if not first and time.monotonic() >= deadline:
                raise WarehouseBusy(
                    f"{what} waited {patience:.0f} s for a lock held by {holder}. Nothing was changed. "
                    f"Wait for that session or end it, then run this step again{kept and f': {kept}'}."
                ) from error
            first = False
            _log.warning("%s waits for a lock held by %s.", what, seen or "another session")
            time.sleep(random.uniform(0.1, 1.0))  # noqa: S311
