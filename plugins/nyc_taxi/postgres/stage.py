"""Staging a month: its file is downloaded, read into a table of its own, and counted."""

from __future__ import annotations

import errno
import logging
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote, urlsplit

import psycopg

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month
from nyc_taxi.errors import (
    DiskFull,
    NotTheFile,
    RowCountMismatch,
    SchemaDrift,
    TaxiError,
    TooManyRejects,
    TruncatedFile,
)
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.postgres import ledger
from nyc_taxi.postgres.csv_copy import copy_csv
from nyc_taxi.postgres.measure import measure
from nyc_taxi.postgres.rejects import Rejects
from nyc_taxi.postgres.schema import prepare
from nyc_taxi.postgres.streams import NotPlain, further_connections, worthwhile_streams
from nyc_taxi.postgres.sweep import drop_stage, sweep
from nyc_taxi.postgres.tables import StageTable, count_rows
from nyc_taxi.postgres.tolerant import copy_tolerantly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.postgres.intake import Loaded
    from nyc_taxi.postgres.warehouse import Warehouse

_log = logging.getLogger(__name__)

_PARQUET: Final = b"PAR1"
_KEPT_OF_A_FAILURE: Final = 1_000
"""How many refused rows are kept of an attempt that refused too many to be loaded."""


@dataclass(frozen=True, slots=True)
class Staged:
    """What staging a month came to.

    :param attempt: number of the attempt in the ledger; of an unchanged month, the published one
    :param unchanged: whether the month holds this very file already, so that nothing was staged
    :param seconds: how long staging took
    """

    attempt: int
    dataset: str
    month: Month
    unchanged: bool
    rows_in_file: int
    rows_loaded: int
    rows_rejected: int
    url: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values, for XCom."""
        return {**asdict(self), "month": str(self.month)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Rebuild it from :meth:`to_json`."""
        return cls(**{**values, "month": Month(values["month"])})


def stage_month(
    warehouse: Warehouse,
    publication: Publication,
    *,
    fetch: Callable[[Publication, Path], File],
    run_id: str,
    force: bool = False,
    streams: int | None = None,
    folder: Path | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> Staged:
    """Read a published file into a stage table of its own, unless the month holds that file already.

    What readers see is not touched. Either the stage table, the three counts and the refused rows are
    there as a whole, or none of them is and the ledger says why. Any number of stagings may run at
    once, of one month or of several.

    A month is unchanged when the source describes the file as it described the published one, or the
    downloaded bytes are the same, *and* the month still holds as many rows as the ledger says. Such a
    check leaves no row in the ledger.

    :param publication: what the source said about the file
    :param fetch: downloads the file into a folder
    :param run_id: who asks, for the ledger
    :param force: stage the file even if it is unchanged
    :param streams: over how many connections a CSV file is copied; by default two when it is large and
        this machine has two cores
    :param folder: where the file is kept meanwhile; the system's folder for temporary files by default
    :param progress: called with ``copy``, the bytes of content read so far, and the size of the content
        if it is known
    :raises TooManyRejects: when more rows were refused than the dataset allows
    :raises TaxiError: whatever else keeps the month from being staged; nothing changed then
    """
    begun = time.monotonic()
    purpose = f"stage {publication.dataset} {publication.month}"
    with warehouse.session(purpose) as connection:
        prepare(connection)
        sweep(connection, publication.dataset, publication.month)
        same = None if force else _holder(connection, publication, partial(_describes, publication))
        if same is not None:
            return _unchanged(same, begun)
        attempt = ledger.begin(connection, publication, run_id)
        try:
            with TemporaryDirectory(prefix="nyc-taxi-", dir=folder) as made:
                scratch = Path(made)
                file = fetch(publication, scratch)
                _note(connection, attempt, file)
                same = None if force else _holder(connection, publication, partial(_equals, file))
                if same is not None:
                    ledger.discard_unchanged(connection, attempt, same)
                    return _unchanged(same, begun)
                with _said_of(attempt, file.path):
                    _load(warehouse, connection, attempt, file.path, scratch, streams, progress)
        except BaseException as error:
            _fail(warehouse, connection, attempt, error)
            raise
        return _staged(ledger.get(connection, attempt.id), begun)


def _describes(publication: Publication, current: Attempt) -> bool:
    return publication.same_file(
        url=current.url, etag=current.etag, last_modified=current.last_modified, bytes=current.bytes
    )


def _equals(file: File, current: Attempt) -> bool:
    return current.sha256 == file.sha256


def _holder(
    connection: psycopg.Connection[Any], publication: Publication, is_same: Callable[[Attempt], bool]
) -> Attempt | None:
    """Return the published attempt if its file is the same and the month still holds its rows.

    People empty, detach and restore tables: then the month is loaded again.
    """
    current = ledger.current(connection, publication.dataset, publication.month)
    if current is None or not is_same(current):
        return None
    rows = count_rows(connection, get_dataset(publication.dataset), publication.month)
    return current if rows == current.rows_loaded else None


def _note(connection: psycopg.Connection[Any], attempt: Attempt, file: File) -> None:
    """Record what was downloaded, which may be newer than what the source had said."""
    ledger.settle(
        connection,
        attempt.id,
        Outcome.STAGING,
        etag=file.etag,
        last_modified=file.last_modified,
        bytes=file.bytes,
        sha256=file.sha256,
    )


@contextmanager
def _said_of(attempt: Attempt, path: Path) -> Iterator[None]:
    """Let what is said against a file name its address, not the place where it lay for a moment."""
    try:
        yield
    except (NotTheFile, TruncatedFile, SchemaDrift) as error:
        said = str(error).replace(str(path), attempt.url)
        raise type(error)(said if attempt.url in said else f"{attempt.url}: {said}") from error
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise DiskFull(
            f"The refused rows of {attempt.url} do not fit in {path.parent}. Make room there, or set TMPDIR "
            "to a larger disk, and try again."
        ) from error


def _load(
    warehouse: Warehouse,
    connection: psycopg.Connection[Any],
    attempt: Attempt,
    path: Path,
    scratch: Path,
    streams: int | None,
    progress: Callable[[str, int, int | None], None] | None,
) -> None:
    """Fill the stage table, first at full speed, then, if the file needs it, row by row."""
    with path.open("rb") as file:
        parquet = file.read(len(_PARQUET)) == _PARQUET
    if attempt.url.endswith(".parquet") and not parquet:
        raise NotTheFile(f"{attempt.url} is no parquet file. Check the source; nothing was loaded.")
    total = path.stat().st_size if path.suffix == ".csv" else None

    def report(done: int) -> None:
        if progress is not None:
            progress("copy", done, total)

    dataset = get_dataset(attempt.dataset)
    stage = StageTable.of(dataset, attempt.month, attempt.id)
    if not parquet and _copied(
        warehouse, connection, attempt, path, streams or worthwhile_streams(path), report
    ):
        return
    with (scratch / "rejected").open("w+b") as spool:
        rejects = Rejects(attempt, spool)
        if parquet:
            from nyc_taxi.postgres.parquet_copy import copy_parquet as copy
        else:
            copy = copy_tolerantly
        _load_with_rejects(
            connection,
            stage,
            attempt,
            rejects,
            lambda: copy(connection, dataset, stage, path, rejects, report),
        )


def _copied(
    warehouse: Warehouse,
    connection: psycopg.Connection[Any],
    attempt: Attempt,
    path: Path,
    streams: int,
    progress: Callable[[int], None],
) -> bool:
    """Fill the stage table at full speed, or leave none when the file needs a closer reading.

    Over one connection it is one transaction. Several need a table that all of them see; its rows count
    only once the ledger says *staged*, and after a failure the table is dropped, here or by a sweep.
    """
    dataset = get_dataset(attempt.dataset)
    stage = StageTable.of(dataset, attempt.month, attempt.id)

    def copy(*connections: psycopg.Connection[Any]) -> Loaded:
        return copy_csv(connections, dataset, attempt.month, stage, path, progress)

    try:
        if streams == 1:
            with connection.transaction():
                stage.create(connection, dataset, attempt.month)
                _finish(connection, stage, attempt, copy(connection))
            return True
        stage.create(connection, dataset, attempt.month)
        with ExitStack() as opened:
            purpose = f"stage {attempt.dataset} {attempt.month}, with others"
            loaded = copy(connection, *further_connections(warehouse, purpose, streams - 1, opened))
        with connection.transaction():
            _finish(connection, stage, attempt, loaded)
        return True
    except (psycopg.DataError, NotPlain) as error:
        _log.info("%s is read again, row by row: %s", attempt.url, error)
        stage.drop(connection)
        return False


def _load_with_rejects(
    connection: psycopg.Connection[Any],
    stage: StageTable,
    attempt: Attempt,
    rejects: Rejects,
    copy: Callable[[], Loaded],
) -> None:
    """Fill the stage table and keep the refused rows, in one transaction, if they are not too many."""
    dataset = get_dataset(attempt.dataset)
    try:
        with connection.transaction() as reading:
            stage.create(connection, dataset, attempt.month)
            loaded = copy()
            most = min(dataset.rejects.rows, dataset.rejects.share * loaded.rows_in_file)
            if rejects.count > most:
                raise psycopg.Rollback(reading)
            rejects.save(connection)
            _finish(connection, stage, attempt, loaded)
            return
    except psycopg.DataError as error:
        raise NotTheFile(
            f"{attempt.url} cannot be read: {error.diag.message_primary}. Look at the file; "
            "nothing was loaded."
        ) from error
    rejects.save(connection, at_most=_KEPT_OF_A_FAILURE)
    ledger.settle(
        connection,
        attempt.id,
        Outcome.STAGING,
        rows_in_file=loaded.rows_in_file,
        rows_rejected=loaded.rows_rejected,
        header=list(loaded.plan.header),
        line_end=loaded.plan.line_end.decode(),
    )
    raise TooManyRejects(
        f"{rejects.count} of {loaded.rows_in_file} rows of {attempt.url} cannot be read; {dataset.name} "
        f"allows {dataset.rejects.rows} rows and {dataset.rejects.share:.1%} of a file. The first ones: "
        f"{'; '.join(rejects.first)}. Nothing was loaded; ops.rejected_rows keeps the first "
        f"{_KEPT_OF_A_FAILURE:,}. Correct the file, or the limit in {dataset.name}.yaml.",
        rows_in_file=loaded.rows_in_file,
        rejected=loaded.rows_rejected,
        kept=(),
    )


def _finish(connection: psycopg.Connection[Any], stage: StageTable, attempt: Attempt, loaded: Loaded) -> None:
    """Seal the stage table and write the counts, in the transaction that filled it."""
    if loaded.rows_in_file != loaded.rows_loaded + loaded.rows_rejected:
        raise RowCountMismatch(
            f"{attempt.url} has {loaded.rows_in_file} rows, of which {loaded.rows_loaded} were loaded and "
            f"{loaded.rows_rejected} refused. Nothing was kept; please report it with the file."
        )
    plan = loaded.plan
    measures = loaded.measures or measure(connection, stage, get_dataset(attempt.dataset), attempt.month)
    stage.seal(connection, unquote(urlsplit(attempt.url).path).rpartition("/")[2])
    ledger.settle(
        connection,
        attempt.id,
        Outcome.STAGED,
        rows_in_file=loaded.rows_in_file,
        rows_loaded=loaded.rows_loaded,
        rows_rejected=loaded.rows_rejected,
        bytes_uncompressed=loaded.bytes_uncompressed,
        header=list(plan.header),
        line_end=plan.line_end.decode(),
        schema_version=plan.schema_version,
        missing=list(plan.missing),
        unknown=list(plan.unknown),
        stage_table=f"stage.{stage.name}",
        measures=asdict(measures),
    )


def _fail(
    warehouse: Warehouse, connection: psycopg.Connection[Any], attempt: Attempt, error: BaseException
) -> None:
    """Clear up and record why, if the warehouse can still be reached; a later sweep does it otherwise."""
    reason = str(error) if isinstance(error, TaxiError) else f"{type(error).__name__}: {error}"
    try:
        with ExitStack() as opened:
            if connection.closed:
                connection = opened.enter_context(warehouse.session("record a failure"))
            if ledger.settle(
                connection, attempt.id, Outcome.FAILED, only_from=[Outcome.STAGING], reason=reason
            ):
                drop_stage(connection, attempt)
    except (psycopg.Error, TaxiError):
        _log.warning("The failure of %s could not be recorded: %s", attempt, reason, exc_info=True)


def _unchanged(current: Attempt, begun: float) -> Staged:
    return replace(_staged(current, begun), unchanged=True)


def _staged(attempt: Attempt, begun: float) -> Staged:
    return Staged(
        attempt=attempt.id,
        dataset=attempt.dataset,
        month=attempt.month,
        unchanged=False,
        rows_in_file=attempt.rows_in_file or 0,
        rows_loaded=attempt.rows_loaded or 0,
        rows_rejected=attempt.rows_rejected or 0,
        url=attempt.url,
        seconds=round(time.monotonic() - begun, 3),
    )
