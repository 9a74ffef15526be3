"""COPY streams that share the chunks of one file and number its rows in the file's order."""

from __future__ import annotations

import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Final

from nyc_taxi.errors import WarehouseUnreachable
from nyc_taxi.postgres import attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    import psycopg

    from nyc_taxi.files.old_chunks import Chunk
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.measures import Measures
    from nyc_taxi.postgres.intake import Intake
    from nyc_taxi.postgres.sessions import Sessions

_log = logging.getLogger(__name__)

_LARGE: Final = 4 << 20
"""Bytes of a compressed file from which on it is copied over two connections."""
_COMPRESSION: Final = 4
"""By how much trip files shrink when they are compressed, about."""


class NotPlain(Exception):
    """The file holds something that only a closer reading, row by row, can judge."""


def worthwhile_streams(path: Path) -> int:
    """Return over how many connections to copy a file: a second one has to be worth its opening."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    large = path.stat().st_size >= (_LARGE if path.suffix == ".gz" else _LARGE * _COMPRESSION)
    return min(2, cores) if large else 1


def further_connections(
    sessions: Sessions, attempt: Attempt, wanted: int, opened: ExitStack
) -> list[psycopg.Connection[Any]]:
    """Open further connections for an attempt; a server that has no free slot is not an error.

    :param opened: what closes them
    """
    others: list[psycopg.Connection[Any]] = []
    try:
        while len(others) < wanted:
            purpose = f"stage {attempt.dataset} {attempt.month}, with others"
            others.append(opened.enter_context(sessions(purpose)))
            attempts.hold(others[-1], attempt)
    except WarehouseUnreachable as error:
        _log.warning("Copying over %d of %d connections: %s", len(others) + 1, wanted + 1, error)
    return others


def copy_chunks(
    connections: Sequence[psycopg.Connection[Any]],
    intake: Intake,
    chunks: Iterator[Chunk],
    measure: Callable[[psycopg.Connection[Any]], Measures],
) -> Measures:
    """Copy every chunk over one of the connections; whichever is free takes the next one.

    Each connection copies in a transaction of its own, and none commits before all have copied and
    measured. With one connection the rows belong to the transaction that the caller has begun. With
    several they are whole only when this function has returned: a commit may fail after another one.

    :param connections: the first is used by the calling thread, each other one by a thread of its own
    :param measure: called with each connection when it has no more to copy; it sees its own rows only
    :return: what was measured over all connections, added up
    :raises NotPlain: when COPY finds another number of rows in a chunk than its bytes have
    :raises psycopg.DataError: when COPY refuses a value
    """
    first, *others = connections
    turns = _Turns(chunks, len(connections))
    if not others:
        return _fill(first, intake, turns, measure)
    with ThreadPoolExecutor(len(others), thread_name_prefix="copy") as threads:
        running = [threads.submit(_fill, other, intake, turns, measure) for other in others]
        with suppress(threading.BrokenBarrierError):
            measured = _fill(first, intake, turns, measure)
    failures = [error for future in running if (error := future.exception())]
    for error in failures:
        if not isinstance(error, threading.BrokenBarrierError):
            raise error
    return reduce(add, (future.result() for future in running), measured)


class _Turns:
    """Hands out chunks to several threads, one at a time, until one of them fails.

    :param parties: how many threads
    """

    def __init__(self, chunks: Iterator[Chunk], parties: int) -> None:
        self._chunks = chunks
        self._stopped = threading.Event()
        self._taking = threading.Lock()
        self._measured = threading.Barrier(parties)
        self.numbering = threading.Lock()

    def next(self) -> Chunk | None:
        """Return the next chunk, or None when there is none or another thread has failed."""
        with self._taking:
            return None if self._stopped.is_set() else next(self._chunks, None)

    def end(self) -> None:
        """Wait until all threads are here.

        :raises BrokenBarrierError: when one of them has failed
        """
        self._measured.wait()

    def stop(self) -> None:
        """Hand out no more, and let no thread wait for the one that failed."""
        self._stopped.set()
        self._measured.abort()


def _fill(
    connection: psycopg.Connection[Any],
    intake: Intake,
    turns: _Turns,
    measure: Callable[[psycopg.Connection[Any]], Measures],
) -> Measures:
    try:
        with connection.transaction():
            intake.open(connection)
            chunk = turns.next()
            while chunk is not None:
                with turns.numbering:
                    intake.number_from(connection, chunk.first)
                chunk = _copy(connection, intake, chunk, turns)
            intake.close(connection)
            measured = measure(connection)
            turns.end()
            return measured
    except BaseException:
        turns.stop()
        raise


def _copy(connection: psycopg.Connection[Any], intake: Intake, chunk: Chunk, turns: _Turns) -> Chunk | None:
    """Copy one chunk, and return the next one, taken while the server was still reading."""
    if chunk.rows > intake.most_rows:
        raise NotPlain(f"{chunk.rows} rows from row {chunk.first} on are too short to be trips.")
    with connection.cursor() as cursor:
        with cursor.copy(intake.copy) as copy:
            for part in chunk.parts:
                copy.write(part)
            upcoming = turns.next()
        if cursor.rowcount != chunk.rows:
            # Before Postgres 18, a line that reads \. ends the data.
            raise NotPlain(
                f"{chunk.rows} rows are in the file from row {chunk.first} on, and COPY found "
                f"{cursor.rowcount}."
            )
    return upcoming
