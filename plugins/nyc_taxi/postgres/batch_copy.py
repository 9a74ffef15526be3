"""Copying batches of typed rows into a stage table, over one connection or several at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgpq import ArrowToPostgresBinaryEncoder
from pgpq.encoders import StringEncoderBuilder
from pgpq.schema import Jsonb

from nyc_taxi.files.batch import batch_schema
from nyc_taxi.load.measures import Measures, measure
from nyc_taxi.postgres.statements import names, statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import psycopg

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.month import Month
    from nyc_taxi.files.batch import Batch
    from nyc_taxi.postgres.tables import StageTable


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied.

    :param rows: how many rows Postgres counted
    :param measures: what the rows add up to
    """

    rows: int
    measures: Measures

    def __add__(self, other: Copied) -> Copied:
        """Return what both copied."""
        return Copied(self.rows + other.rows, self.measures + other.measures)


@dataclass(frozen=True, slots=True)
class Target:
    """The stage table that takes a file's rows, and the month that they should lie in."""

    stage: StageTable
    dataset: Dataset
    month: Month


def copy_batches(
    connections: Sequence[psycopg.Connection[Any]],
    target: Target,
    batches: Iterator[Batch],
    finish: Callable[[psycopg.Connection[Any]], None],
) -> Copied:
    """Copy every batch over one of the connections; the next free one takes the next batch.

    The next batch is read while the others are encoded and copied. Each connection copies in its own
    transaction, and none commits before all have copied. With one connection the rows belong to the
    transaction that the caller has begun. With several they are whole only when this function has
    returned: a commit may fail after another one.

    :param connections: the first is used by the calling thread, each other one by its own thread
    :param batches: iterated by one more thread; what it raises ends all copying
    :param finish: called with the first connection after the last batch, before its transaction ends
    :raises psycopg.DataError: when Postgres refuses a value
    """
    first, *others = connections
    with ThreadPoolExecutor(1 + len(others), thread_name_prefix="copy") as threads:
        turns = _Turns(batches, threads, len(connections))
        running = [threads.submit(_copy, other, target, turns) for other in others]
        with suppress(threading.BrokenBarrierError):
            copied = _copy(first, target, turns, finish)
    for failure in (future.exception() for future in running):
        if failure is not None and not isinstance(failure, threading.BrokenBarrierError):
            raise failure
    return sum((future.result() for future in running), copied)


class _Turns:
    """Gives batches to several threads, one at a time, until one of them fails; reads one batch ahead."""

    def __init__(self, batches: Iterator[Batch], threads: ThreadPoolExecutor, parties: int) -> None:
        self._batches = batches
        self._threads = threads
        self._taking = threading.Lock()
        self._stopped = False
        self._copied = threading.Barrier(parties)
        self._upcoming: Future[Batch | None] = threads.submit(next, batches, None)

    def next(self) -> Batch | None:
        """Return the next batch, or None when there is none or another thread has failed."""
        with self._taking:
            if self._stopped:
                return None
            batch = self._upcoming.result()
            if batch is not None:
                self._upcoming = self._threads.submit(next, self._batches, None)
            return batch

    def end(self) -> None:
        """Wait until all threads have copied.

        :raises BrokenBarrierError: when one of them has failed
        """
        self._copied.wait()

    def stop(self) -> None:
        """Give no more batches, and let no thread wait for the one that failed."""
        self._stopped = True
        self._copied.abort()


def _copy(
    connection: psycopg.Connection[Any],
    target: Target,
    turns: _Turns,
    finish: Callable[[psycopg.Connection[Any]], None] | None = None,
) -> Copied:
    measures = Measures.none()
    try:
        with connection.transaction():
            with connection.cursor() as cursor:
                encoder = _encoder(target.dataset)
                columns = names(batch_schema(target.dataset).names)
                rows_into = statement("copy_rows", table=target.stage.table, columns=columns)
                with cursor.copy(rows_into) as copy:
                    copy.write(encoder.write_header())
                    while (batch := turns.next()) is not None:
                        copy.write(encoder.write_batch(batch.rows))
                        measures += measure(batch.rows, target.dataset, target.month)
                    copy.write(encoder.finish())
                copied = Copied(cursor.rowcount, measures)
            if finish is not None:
                finish(connection)
            turns.end()
            return copied
    except BaseException:
        turns.stop()
        raise


def _encoder(dataset: Dataset) -> ArrowToPostgresBinaryEncoder:
    schema = batch_schema(dataset)
    encoders = {field.name: ArrowToPostgresBinaryEncoder.infer_encoder(field) for field in schema}
    encoders["unmapped"] = StringEncoderBuilder.new_with_output(schema.field("unmapped"), Jsonb())
    return ArrowToPostgresBinaryEncoder.new_with_encoders(schema, encoders)
