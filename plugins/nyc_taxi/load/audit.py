"""Checks on a staged month that guard its publication: an error stops it, a warning is reported."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

from nyc_taxi.core.check import Check
from nyc_taxi.core.excerpt import counted
from nyc_taxi.errors import AuditFailed, ContractError
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.load.measures import Measures
from nyc_taxi.load.supersede import FINAL

if TYPE_CHECKING:
    from nyc_taxi.load.ledger import Ledger
    from nyc_taxi.load.warehouse import Warehouse

NEIGHBOURS: Final = 6
"""How many published months, nearest in time, a month's size is compared with."""

VOLUME: Final = (0.5, 2.0)
"""Sizes against the neighbours' median that pass without a warning.

Outside them the check only warns: real months fell by 95 % (green from 2020-03 to 2020-04 by 84 %),
and a month that is empty or belongs elsewhere is caught by the other checks.
"""

OUTSIDE: Final = 0.5
"""Share of pickups outside the file's month above which it is another month's file.

Real months have a few such trips (clocks reset to 2009, neighbours of the month), never a tenth.
"""

_OPEN = (Outcome.STAGED, Outcome.AUDITED)


@dataclass(frozen=True, slots=True)
class _Rejected:
    """What the rejected rows of an attempt add up to."""

    rows: int
    ordinals: int


def audit_month(warehouse: Warehouse, attempt: int) -> tuple[Check, ...]:
    """Check what was measured of a staged month, record it, and allow its publication if nothing is an error.

    :param attempt: number of the attempt, as :func:`~nyc_taxi.load.stage.stage_month` returned it
    :returns: the checks; those of the first time when the attempt was published before, or overtaken
    :raises AuditFailed: naming every failing check; the staged rows are kept for a week, or until the
        month is published, so that they can be looked at
    :raises ContractError: when there is nothing staged to check
    """
    ledger = warehouse.ledger
    staged = ledger.get(attempt)
    if staged.outcome in FINAL:
        return ledger.checks(attempt).get("load", ())
    if staged.outcome not in _OPEN or staged.measures is None:
        raise ContractError(
            f"{staged} is {staged.outcome}{f': {staged.reason}' if staged.reason else ''}. "
            "There is nothing to audit: run the stage step of the month again."
        )
    rejected = _Rejected(*ledger.count_rejects(attempt))
    checks = _judge(staged, Measures(**staged.measures), rejected, _usual_rows(ledger, staged))
    _record(ledger, staged, checks)
    return checks


def _usual_rows(ledger: Ledger, staged: Attempt) -> float | None:
    """Return the median size of the published months next to this one, or None when there is none."""
    first = staged.month.first_day
    others = [one for one in ledger.published(staged.dataset) if one.month != staged.month]
    others.sort(key=lambda one: abs(one.month.first_day - first))
    sizes = [one.rows_loaded or 0 for one in others[:NEIGHBOURS]]
    return median(sizes) if sizes else None


def _judge(staged: Attempt, found: Measures, rejected: _Rejected, usual: float | None) -> tuple[Check, ...]:
    """Return every check, ordered as the ledger returns them."""
    return (
        _end(found),
        _not_empty(staged),
        _rows(staged, found, rejected),
        _volume(staged, usual),
        _columns(staged),
        _month(staged, found),
        _rejects(staged),
    )


def _rows(staged: Attempt, found: Measures, rejected: _Rejected) -> Check:
    """Every ordinal from 1 to the rows in the file is either loaded or rejected, once."""
    in_file = staged.rows_in_file or 0
    missing = in_file * (in_file + 1) // 2 - found.ordinals - rejected.ordinals
    right = (
        found.rows == staged.rows_loaded
        and rejected.rows == staged.rows_rejected
        and found.rows + rejected.rows == in_file
        and missing == 0
        and found.last <= in_file
        and (found.rows == 0 or found.first >= 1)
    )
    return Check(
        "row accounting",
        "completeness",
        "pass" if right else "error",
        found.rows + rejected.rows,
        f"{in_file:,}",
        f"{counted(in_file, 'row')} in the file, {found.rows:,} loaded, {rejected.rows:,} rejected"
        f"{'' if right else '; they do not add up, or row numbers are missing or double'}.",
    )


def _end(found: Measures) -> Check:
    """Report a last row without a line end, the only trace that a cut leaves in a CSV file."""
    return Check(
        "end of the file",
        "completeness",
        "warn" if found.unended else "pass",
        found.unended,
        "a line end, or proof that the file is whole",
        f"Row {found.unended:,}, the last one, has no line end: the file may be cut. Compare its "
        "size with the source's."
        if found.unended
        else "Nothing shows that the file is cut.",
    )


def _not_empty(staged: Attempt) -> Check:
    loaded = staged.rows_loaded or 0
    return Check(
        "not empty",
        "completeness",
        "pass" if loaded else "error",
        loaded,
        "at least 1",
        f"{counted(loaded, 'row')} loaded." if loaded else "The file has no row that could be loaded.",
    )


def _rejects(staged: Attempt) -> Check:
    rejected, in_file = staged.rows_rejected or 0, staged.rows_in_file or 0
    share = rejected / in_file if in_file else 0.0
    return Check(
        "rejected rows",
        "validity",
        "warn" if rejected else "pass",
        share,
        "none",
        f"{rejected:,} of {counted(in_file, 'row')} rejected. airflow taxi rejects {staged.dataset} "
        f"{staged.month} shows why."
        if rejected
        else "No row was rejected.",
    )


def _month(staged: Attempt, found: Measures) -> Check:
    share = found.outside / found.rows if found.rows else 0.0
    outcome: Literal["pass", "warn", "error"] = "pass"
    message = f"All pickups lie in {staged.month}."
    if found.outside:
        outcome = "error" if share > OUTSIDE else "warn"
        message = (
            f"{found.outside:,} of {found.rows:,} pickups lie outside {staged.month} "
            f"(from {found.earliest} to {found.latest})"
            f"{': this is the file of another month' if outcome == 'error' else ''}."
        )
    return Check("pickups in the month", "timeliness", outcome, share, "none", message)


def _columns(staged: Attempt) -> Check:
    said = [
        f"{what}: {', '.join(columns)}"
        for what, columns in (("missing", staged.missing), ("unknown", staged.unknown))
        if columns
    ]
    return Check(
        "columns",
        "consistency",
        "warn" if said else "pass",
        len(staged.missing) + len(staged.unknown),
        "no missing or unknown column",
        f"Layout {staged.schema_version}; {'; '.join(said)}."
        if said
        else f"Layout {staged.schema_version}, every column known.",
    )


def _volume(staged: Attempt, usual: float | None) -> Check:
    low, high = VOLUME
    limit = f"{low:.0%} to {high:.0%} of the neighbouring months"
    if not usual:
        return Check("volume", "completeness", "pass", 1.0, limit, "No other month to compare with.")
    share = (staged.rows_loaded or 0) / usual
    ratio = f"{share:.0%} of" if share < 10 else f"{share:,.0f} times"
    return Check(
        "volume",
        "completeness",
        "pass" if low <= share <= high else "warn",
        share,
        limit,
        f"{staged.rows_loaded:,} rows are {ratio} the median of the neighbouring months ({usual:,.0f}).",
    )


def _record(ledger: Ledger, staged: Attempt, checks: tuple[Check, ...]) -> None:
    """Write the checks and the outcome to the ledger, and stop when one is an error."""
    said = " ".join(f"{check.name}: {check.message}" for check in checks if check.outcome == "error")
    ledger.update(
        staged.id,
        Outcome.FAILED if said else Outcome.AUDITED,
        only_from=_OPEN,
        checks=checks,
        **({"reason": f"Audit: {said}"} if said else {}),
    )
    if said:
        raise AuditFailed(
            f"{staged} from {staged.url} failed its audit and was not published. {said} "
            f"The staged rows are in {staged.stage_table}. Correct the source, then run the month again."
        )
