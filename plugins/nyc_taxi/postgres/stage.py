"""Staging a month: its file is downloaded, read into a table of its own, and counted."""

from __future__ import annotations

import logging
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote, urlsplit

import psycopg

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month
from nyc_taxi.errors import NotTheFile, RowCountMismatch, TaxiError, TooManyRejects
from nyc_taxi.postgres import ledger
from nyc_taxi.postgres.csv_copy import NotPlain, copy_csv
from nyc_taxi.postgres.ledger import Attempt, Outcome
from nyc_taxi.postgres.rejects import Rejects
from nyc_taxi.postgres.schema import prepare
from nyc_taxi.postgres.sweep import sweep
from nyc_taxi.postgres.tables import StageTable, count_rows
from nyc_taxi.postgres.tolerant import copy_tolerantly

if TYPE_CHECKING:
    from collections.abc import Callable

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.download import File
    from nyc_taxi.core.publication import Publication
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
            with tempfile.TemporaryDirectory(prefix=f"nyc-taxi-{attempt.id}-", dir=folder) as scratch:
                file = fetch(publication, Path(scratch))
                _note(connection, attempt, file)
                same = None if force else _holder(connection, publication, partial(_equals, file))
                if same is not None:
                    ledger.discard_unchanged(connection, attempt, same)
                    return _unchanged(same, begun)
                _load(connection, attempt, file.path, Path(scratch), progress)
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


def _load(
    connection: psycopg.Connection[Any],
    attempt: Attempt,
    path: Path,
    scratch: Path,
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
    if not parquet:
        with suppress(psycopg.DataError, NotPlain):
            with connection.transaction():
                _create(connection, dataset, stage, attempt)
                _finish(connection, stage, attempt, copy_csv(connection, dataset, stage, path, report))
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
            _create(connection, dataset, stage, attempt)
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
    counts = {"rows_in_file": loaded.rows_in_file, "rows_rejected": loaded.rows_rejected}
    ledger.settle(connection, attempt.id, Outcome.STAGING, **counts)
    raise TooManyRejects(
        f"{rejects.count} of {loaded.rows_in_file} rows of {attempt.url} cannot be read; {dataset.name} "
        f"allows {dataset.rejects.rows} rows and {dataset.rejects.share:.1%} of a file. The first ones: "
        f"{'; '.join(rejects.first)}. Nothing was loaded; ops.rejected_rows keeps the first "
        f"{_KEPT_OF_A_FAILURE:,}. Correct the file, or the limit in {dataset.name}.yaml."
    )


def _create(
    connection: psycopg.Connection[Any], dataset: Dataset, stage: StageTable, attempt: Attempt
) -> None:
    filename = unquote(urlsplit(attempt.url).path).rpartition("/")[2]
    stage.create(connection, dataset, attempt.month, filename)


def _finish(connection: psycopg.Connection[Any], stage: StageTable, attempt: Attempt, loaded: Loaded) -> None:
    """Seal the stage table and write the counts, in the transaction that filled it."""
    if loaded.rows_in_file != loaded.rows_loaded + loaded.rows_rejected:
        raise RowCountMismatch(
            f"{attempt.url} has {loaded.rows_in_file} rows, of which {loaded.rows_loaded} were loaded and "
            f"{loaded.rows_rejected} refused. Nothing was kept; please report it with the file."
        )
    stage.seal(connection)
    plan = loaded.plan
    ledger.settle(
        connection,
        attempt.id,
        Outcome.STAGED,
        rows_in_file=loaded.rows_in_file,
        rows_loaded=loaded.rows_loaded,
        rows_rejected=loaded.rows_rejected,
        bytes_uncompressed=loaded.bytes_uncompressed,
        header=list(plan.header),
        era=plan.era,
        missing=list(plan.missing),
        unknown=list(plan.unknown),
        stage_table=f"stage.{stage.name}",
    )


def _fail(
    warehouse: Warehouse, connection: psycopg.Connection[Any], attempt: Attempt, error: BaseException
) -> None:
    """Record why an attempt failed, if the warehouse can still be reached; a later sweep does otherwise."""
    reason = str(error) if isinstance(error, TaxiError) else f"{type(error).__name__}: {error}"
    staging = [Outcome.STAGING]
    try:
        if connection.closed:
            with warehouse.session("record a failure") as fresh:
                ledger.settle(fresh, attempt.id, Outcome.FAILED, only_from=staging, reason=reason)
        else:
            ledger.settle(connection, attempt.id, Outcome.FAILED, only_from=staging, reason=reason)
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
