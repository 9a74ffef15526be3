"""Staging a month: its file is downloaded and brought into the warehouse, where no reader sees it."""

from __future__ import annotations

import errno
import logging
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from nyc_taxi.core.month import Month
from nyc_taxi.errors import (
    ContractError,
    NotTheFile,
    SchemaDrift,
    TaxiError,
    TooManyRejects,
    TransientError,
    TruncatedFile,
)
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.load.unchanged import unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.load.warehouse import Progress, StageStats, Warehouse

_log = logging.getLogger(__name__)


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
    progress: Progress | None = None,
) -> Staged:
    """Bring a published file into the warehouse for its attempt alone, unless the month holds it already.

    What readers see is not touched. Either the staged rows, the three counts and the rejected rows are
    there as a whole, or the attempt *failed* and the ledger says why. Any number of stagings may run at
    once, of one month or of several. A check that finds the month unchanged leaves no row in the ledger.

    :param publication: what the source said about the file
    :param fetch: downloads the file into a folder
    :param run_id: the run that loads the month, for the ledger
    :param force: stage the file even if the month holds it
    :param progress: called with ``copy``, the bytes of content read so far, and their total if it is known
    :raises TooManyRejects: when more rows were rejected than the dataset allows
    :raises TaxiError: whatever else keeps the month from being staged
    """
    begun = time.monotonic()
    warehouse.prepare()
    warehouse.remove_leftovers(publication.dataset, publication.month)
    if not force and (same := unchanged(warehouse, publication)):
        return _staged(same, begun, unchanged=True)
    with warehouse.begin(publication, run_id) as attempt:
        try:
            with TemporaryDirectory(prefix="nyc-taxi-", ignore_cleanup_errors=True) as folder:
                file = fetch(publication, Path(folder))
                same = None if force else unchanged(warehouse, publication, file)
                _record_file(warehouse, attempt, file)
                if same is not None:
                    warehouse.ledger.discard_unchanged(attempt, same)
                    return _staged(same, begun, unchanged=True)
                with _naming(attempt, file.path):
                    stats = warehouse.stage(attempt, file, progress or _silent)
            return _staged(_record_stage(warehouse, attempt, stats), begun)
        except BaseException as error:
            _fail(warehouse, attempt, error)
            raise


def staged_in_run(warehouse: Warehouse, dataset: str, month: Month, run_id: str) -> Staged:
    """Return what a run has staged of a month, from the ledger.

    :raises ContractError: when it has staged nothing, and the month holds nothing
    """
    begun = time.monotonic()
    ended = {Outcome.STAGING, Outcome.FAILED, Outcome.ABANDONED}
    history = warehouse.ledger.history(dataset, month)
    staged = [one for one in history if one.run_id == run_id and one.outcome not in ended]
    if staged:
        return _staged(staged[-1], begun)
    if current := warehouse.ledger.current(dataset, month):
        return _staged(current, begun, unchanged=True)
    raise ContractError(f"The run {run_id} has staged nothing of {dataset} {month}. Clear its task stage.")


def _silent(step: str, done: int, total: int | None) -> None:
    """Report nothing."""


def _record_file(warehouse: Warehouse, attempt: Attempt, file: File) -> None:
    """Record what was downloaded, which may be newer than what the source had said."""
    _update(
        warehouse,
        attempt,
        Outcome.STAGING,
        etag=file.etag,
        last_modified=file.last_modified,
        bytes=file.bytes,
        sha256=file.sha256,
    )


def _record_stage(warehouse: Warehouse, attempt: Attempt, stats: StageStats) -> Attempt:
    """Record that a file is staged as a whole, and return the attempt with its counts.

    :raises ContractError: when its rows do not add up
    """
    if stats.rows_in_file != stats.rows_loaded + stats.rows_rejected:
        raise ContractError(
            f"{attempt.url} has {stats.rows_in_file} rows, of which {stats.rows_loaded} were loaded and "
            f"{stats.rows_rejected} rejected. Nothing was kept; please report it with the file."
        )
    plan = stats.plan
    _update(
        warehouse,
        attempt,
        Outcome.STAGED,
        rows_in_file=stats.rows_in_file,
        rows_loaded=stats.rows_loaded,
        rows_rejected=stats.rows_rejected,
        bytes_uncompressed=stats.bytes_uncompressed,
        header=plan.header,
        line_end=plan.line_end.decode(),
        schema_version=plan.schema_version,
        missing=plan.missing,
        unknown=plan.unknown,
        stage_table=stats.table,
        measures=asdict(stats.measures),
    )
    return replace(
        attempt,
        rows_in_file=stats.rows_in_file,
        rows_loaded=stats.rows_loaded,
        rows_rejected=stats.rows_rejected,
    )


def _update(warehouse: Warehouse, attempt: Attempt, outcome: Outcome, **values: Any) -> None:
    if not warehouse.ledger.update(attempt.id, outcome, only_from=[Outcome.STAGING], **values):
        raise ContractError(
            f"{attempt} lost its connection to the warehouse {warehouse.name} for so long that another run "
            "took it for dead and removed what it had staged. Run the stage step of the month again."
        )


@contextmanager
def _naming(attempt: Attempt, path: Path) -> Iterator[None]:
    """Let errors about a file name its address, not the place of its temporary copy."""
    try:
        yield
    except (NotTheFile, TruncatedFile, SchemaDrift, TooManyRejects) as error:
        message = str(error).replace(str(path), attempt.url)
        error.args = (message if attempt.url in message else f"{attempt.url} cannot be loaded. {message}",)
        raise
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise TransientError(
            f"The rejected rows of {attempt.url} do not fit in {path.parent}. Free space there, or set "
            "TMPDIR to a larger disk, and try again."
        ) from error


def _fail(warehouse: Warehouse, attempt: Attempt, error: BaseException) -> None:
    """Record why an attempt failed and remove what it has staged; a later run does both if this cannot."""
    reason = str(error) if isinstance(error, TaxiError) else f"{type(error).__name__}: {error}"
    counts: dict[str, Any] = {}
    if isinstance(error, TooManyRejects):
        counts = {
            "rows_in_file": error.rows_in_file,
            "rows_rejected": error.rejected,
            "header": error.header,
            "line_end": error.line_end.decode(),
        }
    try:
        ledger = warehouse.ledger
        if ledger.update(attempt.id, Outcome.FAILED, only_from=[Outcome.STAGING], reason=reason, **counts):
            warehouse.discard(attempt)
            if isinstance(error, TooManyRejects):
                ledger.keep_rejects(attempt, error.kept)
    except TaxiError:
        _log.warning("The failure of %s could not be recorded: %s", attempt, reason, exc_info=True)


def _staged(attempt: Attempt, begun: float, *, unchanged: bool = False) -> Staged:
    return Staged(
        attempt=attempt.id,
        dataset=attempt.dataset,
        month=attempt.month,
        unchanged=unchanged,
        rows_in_file=attempt.rows_in_file or 0,
        rows_loaded=attempt.rows_loaded or 0,
        rows_rejected=attempt.rows_rejected or 0,
        url=attempt.url,
        seconds=round(time.monotonic() - begun, 3),
    )
