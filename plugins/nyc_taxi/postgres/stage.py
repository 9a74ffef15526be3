"""Filling the stage table of an attempt: at full speed, or row by row when the file needs it."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import psycopg

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.errors import NotTheFile, TooManyRejects
from nyc_taxi.load.warehouse import StageStats
from nyc_taxi.postgres import attempts
from nyc_taxi.postgres.csv_copy import copy_csv
from nyc_taxi.postgres.measure import measure
from nyc_taxi.postgres.rejects import Rejects, copy_rejects
from nyc_taxi.postgres.streams import NotPlain, further_connections, worthwhile_streams
from nyc_taxi.postgres.tables import StageTable
from nyc_taxi.postgres.tolerant import copy_tolerantly

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nyc_taxi.files.download import File
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.warehouse import Progress
    from nyc_taxi.postgres.intake import Loaded
    from nyc_taxi.postgres.sessions import Sessions

_log = logging.getLogger(__name__)

_PARQUET: Final = b"PAR1"


def stage_file(
    sessions: Sessions, attempt: Attempt, file: File, progress: Progress, streams: int | None
) -> StageStats:
    """Load a file into the stage table of its attempt, with its rejected rows: all of it or nothing.

    :param streams: over how many connections a CSV file is copied; None for as many as are worth it
    """
    path = file.path
    with path.open("rb") as content:
        parquet = content.read(len(_PARQUET)) == _PARQUET
    if attempt.url.endswith(".parquet") and not parquet:
        raise NotTheFile(f"{attempt.url} is not a parquet file. Check the source; nothing was loaded.")
    total = path.stat().st_size if path.suffix == ".csv" else None

    def report(done: int) -> None:
        progress("copy", done, total)

    with sessions(f"stage {attempt.dataset} {attempt.month}") as connection:
        attempts.hold(connection, attempt)
        if not parquet:
            stats = _copied(sessions, connection, attempt, path, streams or worthwhile_streams(path), report)
            if stats is not None:
                return stats
        return _with_rejects(connection, attempt, path, report, parquet=parquet)


def _copied(
    sessions: Sessions,
    connection: psycopg.Connection[Any],
    attempt: Attempt,
    path: Path,
    streams: int,
    progress: Callable[[int], None],
) -> StageStats | None:
    """Fill the stage table at full speed, or leave none when the file needs a closer reading.

    Over one connection it is one transaction. Several need a table that all of them see; its rows count
    only once the ledger says *staged*.
    """
    dataset = get_dataset(attempt.dataset)
    stage = StageTable.of(dataset, attempt.month, attempt.id)

    def copy(*connections: psycopg.Connection[Any]) -> Loaded:
        return copy_csv(connections, dataset, attempt.month, stage, path, progress)

    try:
        if streams == 1:
            with connection.transaction():
                stage.create(connection, dataset, attempt.month)
                return _finish(connection, stage, attempt, copy(connection))
        stage.create(connection, dataset, attempt.month)
        with ExitStack() as opened:
            others = further_connections(sessions, attempt, streams - 1, opened)
            loaded = copy(connection, *others)
        return _finish(connection, stage, attempt, loaded)
    except (psycopg.DataError, NotPlain) as error:
        _log.info("%s is read again, row by row: %s", attempt.url, error)
        stage.drop(connection)
        return None


def _with_rejects(
    connection: psycopg.Connection[Any],
    attempt: Attempt,
    path: Path,
    progress: Callable[[int], None],
    *,
    parquet: bool,
) -> StageStats:
    """Fill the stage table and keep the rejected rows, in one transaction, if they are not too many."""
    if parquet:
        from nyc_taxi.postgres.parquet_copy import copy_parquet as copy
    else:
        copy = copy_tolerantly
    dataset = get_dataset(attempt.dataset)
    stage = StageTable.of(dataset, attempt.month, attempt.id)
    try:
        with TemporaryFile(dir=path.parent) as spool, connection.transaction():
            rejects = Rejects(attempt, spool)
            stage.create(connection, dataset, attempt.month)
            loaded = copy(connection, dataset, stage, path, rejects, progress)
            if rejects.count > min(dataset.rejects.rows, dataset.rejects.share * loaded.rows_in_file):
                raise _too_many(attempt, rejects, loaded)
            copy_rejects(connection, rejects.lines())
            return _finish(connection, stage, attempt, loaded)
    except psycopg.DataError as error:
        raise NotTheFile(
            f"{attempt.url} cannot be read: {error.diag.message_primary}. Look at the file; "
            "nothing was loaded."
        ) from error


def _too_many(attempt: Attempt, rejects: Rejects, loaded: Loaded) -> TooManyRejects:
    limit = get_dataset(attempt.dataset).rejects
    first = "; ".join(
        f"{'row' if row.line_number is None else 'line'} {row.line_number or row.row_number}: {row.reason}"
        for row in rejects.first[:3]
    )
    return TooManyRejects(
        f"{rejects.count} of {loaded.rows_in_file} rows of {attempt.url} cannot be read; {attempt.dataset} "
        f"allows {limit.rows} rows and {limit.share:.1%} of a file. The first ones: "
        f"{first}. Nothing was loaded; ops.rejected_rows keeps the first {len(rejects.first):,}. "
        f"Correct the file, or the limit in {attempt.dataset}.yaml.",
        rows_in_file=loaded.rows_in_file,
        rejected=rejects.count,
        kept=tuple(rejects.first),
        header=loaded.plan.header,
        line_end=loaded.plan.line_end,
    )


def _finish(
    connection: psycopg.Connection[Any], stage: StageTable, attempt: Attempt, loaded: Loaded
) -> StageStats:
    """Seal the stage table, in the transaction that filled it."""
    measures = loaded.measures or measure(connection, stage, get_dataset(attempt.dataset), attempt.month)
    stage.seal(connection, unquote(urlsplit(attempt.url).path).rpartition("/")[2])
    return StageStats(
        plan=loaded.plan,
        rows_in_file=loaded.rows_in_file,
        rows_loaded=loaded.rows_loaded,
        rows_rejected=loaded.rows_rejected,
        bytes_uncompressed=loaded.bytes_uncompressed,
        measures=measures,
        table=f"stage.{stage.name}",
    )
