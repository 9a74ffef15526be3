"""Filling the stage table of an attempt."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from dataclasses import replace
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Final

import psycopg

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.errors import NotTheFile, WarehouseUnreachable
from nyc_taxi.files.reader import open_file
from nyc_taxi.load.rejects import Rejects
from nyc_taxi.load.warehouse import StageStats
from nyc_taxi.postgres import attempts
from nyc_taxi.postgres.batch_copy import Copied, Target, copy_batches
from nyc_taxi.postgres.rejects import as_line, copy_rejects
from nyc_taxi.postgres.tables import StageTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nyc_taxi.files.batch import Batch
    from nyc_taxi.files.download import File
    from nyc_taxi.files.reader import Reader
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.warehouse import Progress
    from nyc_taxi.postgres.sessions import Sessions

_log = logging.getLogger(__name__)

_LARGE: Final = 4 << 20
"""Bytes of a compressed file from which on it is copied over two connections."""
_COMPRESSION: Final = 4
"""By how much trip files shrink when they are compressed, about."""


def stage_file(
    sessions: Sessions, attempt: Attempt, file: File, progress: Progress, streams: int | None
) -> StageStats:
    """Load a file into the stage table of its attempt, with its rejected rows: all of it or nothing.

    Over one connection it is one transaction. Several need a table that all of them see; its rows count
    only once the ledger says *staged*.

    :param streams: over how many connections the rows are copied; None for as many as are worth it
    """
    dataset = get_dataset(attempt.dataset)
    target = Target(StageTable.of(dataset, attempt.month, attempt.id), dataset, attempt.month)
    with ExitStack() as opened:
        reader = opened.enter_context(open_file(dataset, file.path, attempt.month, whole=file.length_proven))
        rejects = Rejects(attempt, as_line, opened.enter_context(TemporaryFile(dir=file.path.parent)))
        connections = _connections(sessions, attempt, streams or _worthwhile(file.path), opened)
        first = connections[0]
        batches = _read(reader, rejects, progress, file.path)
        try:
            if len(connections) == 1:
                with first.transaction():
                    copied = _fill(connections, target, batches, rejects)
                    _seal(first, target, attempt)
            else:
                copied = _fill(connections, target, batches, rejects)
                _seal(first, target, attempt)
        except psycopg.DataError as error:
            raise NotTheFile(
                f"{attempt.url} has a value that Postgres refuses: {error.diag.message_primary}. Nothing was "
                "loaded; please report it with the file."
            ) from error
    return StageStats(
        plan=reader.plan,
        rows_in_file=reader.rows,
        rows_loaded=copied.rows,
        rows_rejected=rejects.count,
        bytes_uncompressed=reader.bytes,
        measures=replace(copied.measures, unended=reader.unended),
        table=f"stage.{target.stage.name}",
    )


def _fill(
    connections: list[psycopg.Connection[Any]], target: Target, batches: Iterator[Batch], rejects: Rejects
) -> Copied:
    target.stage.create(connections[0], target.dataset, target.month)
    return copy_batches(connections, target, batches, lambda first: copy_rejects(first, rejects.lines()))


def _seal(connection: psycopg.Connection[Any], target: Target, attempt: Attempt) -> None:
    with connection.transaction():
        target.stage.seal(connection, attempt.filename)


def _read(reader: Reader, rejects: Rejects, progress: Progress, path: Path) -> Iterator[Batch]:
    """Yield the batches of a file, keep its rejected rows, and report how far it was read."""
    total = path.stat().st_size if path.suffix == ".csv" else None
    for batch in reader:
        for reject in batch.rejects:
            rejects.add(reject)
        progress("copy", reader.bytes, total)
        yield batch


def _connections(
    sessions: Sessions, attempt: Attempt, streams: int, opened: ExitStack
) -> list[psycopg.Connection[Any]]:
    """Open sessions that hold the attempt's lock; a server without a free slot for all of them is no error.

    :param opened: what closes them
    """
    connections: list[psycopg.Connection[Any]] = []
    try:
        while len(connections) < streams:
            purpose = f"stage {attempt.dataset} {attempt.month}"
            connections.append(opened.enter_context(sessions(purpose)))
            opened.enter_context(attempts.holding(connections[-1], attempt))
    except WarehouseUnreachable as error:
        if not connections:
            raise
        _log.warning("Copying over %d of %d connections: %s", len(connections), streams, error)
    return connections


def _worthwhile(path: Path) -> int:
    """Return over how many connections to copy a file: a second one has to be worth its opening."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    large = path.stat().st_size >= (_LARGE * _COMPRESSION if path.suffix == ".csv" else _LARGE)
    return min(2, cores) if large else 1
