"""Staging a month: its file is downloaded and put into the warehouse, where no reader sees it."""

from __future__ import annotations

import errno
import logging
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Self

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
from nyc_taxi.load.attempt import Attempt, Key, Outcome
from nyc_taxi.load.supersede import FINAL
from nyc_taxi.load.unchanged import as_described, same_content
from nyc_taxi.load.warehouse import Uploading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.load.warehouse import Progress, StageStats, Warehouse

_log = logging.getLogger(__name__)

_LATER: Final = (Outcome.STAGED, Outcome.AUDITED, *FINAL)
"""Outcomes that an attempt has only after it was staged."""


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

    @property
    def key(self) -> Key:
        """Which attempt it is."""
        return Key(self.dataset, self.month, self.attempt)

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
    upload_only: bool = False,
    progress: Progress | None = None,
) -> Staged:
    """Put a published file into the warehouse for its attempt alone, unless the month holds it already.

    What readers see is not touched. Either the staged rows, the three counts and the rejected rows are
    there as a whole, or the attempt *failed* and the ledger says why. Any number of stagings may run at
    once, of one month or of several. A check that finds the month unchanged leaves no row in the ledger.

    :param publication: what the source said about the file
    :param fetch: downloads the file into a folder
    :param run_id: the run that loads the month, for the ledger
    :param force: stage the file even if the month holds it
    :param upload_only: whether to leave the loading of the uploaded rows to :func:`stage_uploaded`
    :param progress: called with ``copy``, the bytes of content read so far, and their total if it is known
    :raises TooManyRejects: when more rows were rejected than the dataset allows
    :raises TaxiError: whatever else keeps the month from being staged
    """
    begun = time.monotonic()
    put = uploading(warehouse).upload if upload_only else warehouse.stage
    warehouse.prepare()
    current = warehouse.remove_leftovers(publication.dataset, publication.month)
    if current is not None and not force and as_described(warehouse, publication, current):
        return _staged(current, begun, unchanged=True)
    with warehouse.begin(publication, run_id) as attempt:
        try:
            with TemporaryDirectory(prefix="nyc-taxi-", ignore_cleanup_errors=True) as folder:
                file = fetch(publication, Path(folder))
                # What has arrived may be newer than what the source had reported.
                attempt = replace(attempt, **_of_file(file))
                same = None if force else same_content(warehouse, file, current)
                if same is not None:
                    warehouse.ledger.discard_unchanged(attempt, same)
                    return _staged(same, begun, unchanged=True)
                with _naming(attempt, file.path):
                    stats = put(attempt, file, progress or _silent)
            outcome = Outcome.UPLOADED if upload_only else Outcome.STAGED
            return _staged(_record(warehouse, attempt, stats, outcome), begun)
        except BaseException as error:
            _fail(warehouse, attempt, error)
            raise


def stage_uploaded(warehouse: Warehouse, uploaded: Staged, *, patience: float | None = None) -> Staged | None:
    """Load what :func:`stage_month` has uploaded, in any process and as often as necessary.

    An attempt whose rows could not be loaded stays *uploaded*, and this can be repeated.

    :param patience: seconds to wait for the warehouse; None for as long as it takes
    :returns: None when the warehouse still loads
    :raises ContractError: when the attempt failed or was abandoned, or the warehouse has loaded other rows
    """
    begun = time.monotonic()
    key, ledger = uploaded.key, warehouse.ledger
    try:
        loaded = uploading(warehouse).load_uploaded(key, patience)
        if loaded is None:
            return None
        if loaded.rows != uploaded.rows_loaded:
            raise ContractError(
                f"{key} has {uploaded.rows_loaded} rows, of which {loaded.rows} were loaded. Nothing was "
                "published; please report it with the file."
            )
        if ledger.update(key, Outcome.STAGED, only_from=[Outcome.UPLOADED], stage_table=loaded.table):
            return replace(uploaded, seconds=_seconds(begun))
    except TaxiError:
        attempt = ledger.get(key)
        if attempt.outcome not in _LATER:
            raise
    else:
        attempt = ledger.get(key)
    if attempt.outcome in {Outcome.SUPERSEDED, Outcome.ABANDONED}:
        warehouse.discard(attempt)
    if attempt.outcome not in _LATER:
        said = f": {attempt.reason}" if attempt.reason else ""
        raise ContractError(f"{key} is {attempt.outcome}{said}. Load the month again.")
    return _staged(attempt, begun)


def uploading(warehouse: Warehouse) -> Uploading:
    """Return a warehouse as one that loads from a bucket.

    :raises ContractError: when it is not
    """
    if not isinstance(warehouse, Uploading):
        raise ContractError(f"The warehouse {warehouse.name} takes no uploads. Use the stage step alone.")
    return warehouse


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
    raise ContractError(f"The run {run_id} has staged nothing of {dataset} {month}. Load the month again.")


def _silent(step: str, done: int, total: int | None) -> None:
    """Report nothing."""


def _of_file(file: File | Attempt) -> dict[str, Any]:
    return {name: getattr(file, name) for name in ("etag", "last_modified", "bytes", "sha256")}


def _record(warehouse: Warehouse, attempt: Attempt, stats: StageStats, outcome: Outcome) -> Attempt:
    """Record that a file is staged, or uploaded, as a whole, and return the attempt with its counts.

    :raises ContractError: when its rows do not add up, or the attempt was taken for dead
    """
    if stats.rows_in_file != stats.rows_loaded + stats.rows_rejected:
        raise ContractError(
            f"{attempt.url} has {stats.rows_in_file} rows, of which {stats.rows_loaded} were loaded and "
            f"{stats.rows_rejected} rejected. Nothing was kept; please report it with the file."
        )
    plan = stats.plan
    recorded = warehouse.ledger.update(
        attempt.key,
        outcome,
        only_from=[Outcome.STAGING],
        **_of_file(attempt),
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
    if not recorded:
        warehouse.discard(attempt)
        raise ContractError(
            f"{attempt} lost its connection to the warehouse {warehouse.name} for so long that another run "
            "took it for dead and removed what it had staged. Load the month again."
        )
    return replace(
        attempt,
        rows_in_file=stats.rows_in_file,
        rows_loaded=stats.rows_loaded,
        rows_rejected=stats.rows_rejected,
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
    known = _of_file(attempt)
    if isinstance(error, TooManyRejects):
        known |= {
            "rows_in_file": error.rows_in_file,
            "rows_rejected": error.rejected,
            "header": error.header,
            "line_end": error.line_end.decode(),
        }
    try:
        ledger = warehouse.ledger
        if ledger.update(attempt.key, Outcome.FAILED, only_from=[Outcome.STAGING], reason=reason, **known):
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
        seconds=_seconds(begun),
    )


def _seconds(begun: float) -> float:
    return round(time.monotonic() - begun, 3)
