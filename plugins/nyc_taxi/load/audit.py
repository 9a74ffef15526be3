"""Checks on a staged month that guard its publication: an error stops it, a warning is reported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Final

from nyc_taxi.core.check import Check
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.numerals import counted, percent
from nyc_taxi.errors import AuditFailed, ContractError
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.load.measures import Measures
from nyc_taxi.load.supersede import FINAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nyc_taxi.core.check import Outcomes
    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.load.attempt import Key
    from nyc_taxi.load.ledger import Ledger
    from nyc_taxi.load.warehouse import Warehouse

NEIGHBOURS: Final = 6
"""How many published months, nearest in time, a month is compared with."""

NEAR: Final = timedelta(days=366)
"""How far from the month they may be: services grow and shrink over the years."""

ANOTHER_MONTH: Final = 0.5
"""Share of pickups outside the file's month above which it is another month's file.

Real months have a few such trips (clocks reset to 2009, neighbours of the month), never a tenth.
"""

MORE_BLANKS: Final = 0.1
"""By how much a column's share of blank values may exceed the largest one of the months around it."""

MOSTLY_BLANK: Final = 0.5
"""The largest share of blank values in the months around it with which a month without any is an error."""

_OPEN = (Outcome.STAGED, Outcome.AUDITED)


@dataclass(frozen=True, slots=True)
class _Rejected:
    """What the rejected rows of an attempt add up to."""

    rows: int
    ordinals: int


def audit_month(warehouse: Warehouse, key: Key, *, force: bool = False) -> tuple[Check, ...]:
    """Check what was measured of a staged month, record it, and allow its publication if nothing is an error.

    :param key: the attempt, as :func:`~nyc_taxi.load.stage.stage_month` returned it
    :param force: only warn of a month with far fewer rows or values than it had, because the user means it
    :returns: the checks; those of the first time when the attempt was published before, or overtaken
    :raises AuditFailed: naming every failing check; the staged rows are kept for a week, or until the
        month is published, so that they can be looked at
    :raises ContractError: when there is nothing staged to check
    """
    ledger = warehouse.ledger
    staged, published = ledger.with_neighbours(key, NEAR)
    if staged.outcome in FINAL:
        return ledger.checks(key).get("load", ())
    if staged.outcome not in _OPEN or staged.measures is None:
        raise ContractError(
            f"{staged} is {staged.outcome}{f': {staged.reason}' if staged.reason else ''}. "
            "There is nothing to audit: load the month again."
        )
    rejected = _Rejected(*(ledger.count_rejects(key) if staged.rows_rejected else (0, 0)))
    found = Measures(**staged.measures)
    unordered = [
        _end(found),
        _not_empty(staged),
        _rows(staged, found, rejected),
        _volume(staged, _neighbours(staged, published)),
        _replaced(staged, published, "warn" if force else "error"),
        *_blanks(staged, found, _neighbours(staged, published), "warn" if force else "error"),
        _columns(staged),
        _month(staged, found),
        _rejects(staged),
    ]
    checks = tuple(sorted(unordered, key=lambda check: (check.dimension, check.name)))
    _record(ledger, staged, checks)
    return checks


def _neighbours(staged: Attempt, published: Sequence[Attempt]) -> list[Attempt]:
    """Return the nearest of the published months around this one."""

    def away(one: Attempt) -> timedelta:
        return abs(one.month.first_day - staged.month.first_day)

    return sorted((one for one in published if one.month != staged.month), key=away)[:NEIGHBOURS]


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
    allowed = get_dataset(staged.dataset).limits.outside
    another = share > ANOTHER_MONTH
    message = f"All pickups lie in {staged.month}."
    if found.outside:
        message = (
            f"{found.outside:,} of {counted(found.rows, 'pickup')} ({percent(share)}) outside {staged.month} "
            f"(all pickups are from {found.earliest} to {found.latest})"
            f"{': this is the file of another month' if another else ''}."
        )
    outcome: Outcomes = "error" if another else "warn" if share > allowed else "pass"
    return Check("pickups in the month", "timeliness", outcome, share, f"at most {percent(allowed)}", message)


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


def _volume(staged: Attempt, neighbours: Sequence[Attempt]) -> Check:
    low, high = get_dataset(staged.dataset).limits.neighbours
    limit = f"{percent(low)} to {percent(high)}"
    usual = median([one.rows_loaded or 0 for one in neighbours] or [0])
    if not usual:
        return Check("volume", "completeness", "pass", 1.0, limit, "No month within a year to compare with.")
    loaded = staged.rows_loaded or 0
    share = loaded / usual
    ratio = f"{percent(share)} of" if share < 10 else f"{share:,.0f} times"
    return Check(
        "volume",
        "completeness",
        "pass" if low <= share <= high else "warn",
        share,
        limit,
        f"{counted(loaded, 'row')}, {ratio} the usual {usual:,.0f} "
        f"(median of {counted(len(neighbours), 'month')} around it).",
    )


def _replaced(staged: Attempt, published: Sequence[Attempt], severity: Outcomes) -> Check:
    """Compare with the rows that the month holds: a far smaller file is a part of it, or cut."""
    least = get_dataset(staged.dataset).limits.replaced
    limit = f"at least {percent(least)}"
    held = next((one.rows_loaded or 0 for one in published if one.month == staged.month), 0)
    if not held:
        return Check("rows replaced", "completeness", "pass", 1.0, limit, "The month holds no rows yet.")
    loaded = staged.rows_loaded or 0
    share = loaded / held
    message = f"{counted(loaded, 'row')} in place of {held:,} ({percent(share)})"
    if share >= least:
        return Check("rows replaced", "completeness", "pass", share, limit, f"{message}.")
    return Check(
        "rows replaced",
        "completeness",
        severity,
        share,
        limit,
        f"{message}: the file may be a part of the month, or cut.",
    )


def _blanks(
    staged: Attempt, found: Measures, neighbours: Sequence[Attempt], severity: Outcomes
) -> Iterator[Check]:
    """Yield a check per column that matters, if files of the attempt's schema version have it."""
    dataset = get_dataset(staged.dataset)
    for name in dataset.filled:
        if not found.rows or not _has(dataset, staged, name):
            continue
        blank = found.blank.get(name, 0)
        share = blank / found.rows
        others = [
            (one.measures or {}).get("blank", {}).get(name, 0) / one.rows_loaded
            for one in neighbours
            if one.rows_loaded and _has(dataset, one, name)
        ]
        message = f"{blank:,} of {counted(found.rows, 'row')} without {name} ({percent(share)})"
        outcome: Outcomes = "pass"
        if others:
            most = max(others)
            allowed = min(most + MORE_BLANKS, 1.0)
            limit = f"at most {percent(allowed)}"
            message += f"; at most {percent(most)} in the {counted(len(others), 'month')} around it"
            if share > allowed:
                lost = blank == found.rows and most <= MOSTLY_BLANK and name not in staged.missing
                outcome = severity if lost else "warn"
        else:
            limit = "less than 100%"
            if blank == found.rows:
                outcome = "warn"
        yield Check(f"blank {name}", "completeness", outcome, share, limit, f"{message}.")


def _has(dataset: Dataset, attempt: Attempt, column: str) -> bool:
    """Return whether files of an attempt's schema version, or else of its month, have a column."""
    of_month = dataset.versions_of(attempt.month)
    known = [one for one in dataset.schema_versions if one.name == attempt.schema_version]
    return any(column in one.columns for one in known or of_month)


def _record(ledger: Ledger, staged: Attempt, checks: tuple[Check, ...]) -> None:
    """Write the checks and the outcome to the ledger, and stop when one is an error."""
    errors = [check for check in checks if check.outcome == "error"]
    said = " ".join(f"{check.name}: {check.message}" for check in errors)
    ledger.update(
        staged.key,
        Outcome.FAILED if said else Outcome.AUDITED,
        only_from=_OPEN,
        checks=checks,
        **({"reason": f"Audit: {said}"} if said else {}),
    )
    if said:
        to_do = "Correct the source, then run the month again"
        if all(check.name == "rows replaced" or check.name.startswith("blank ") for check in errors):
            to_do += '; if the file is meant, load it with --force or with "Load again" in the DAG\'s form'
        raise AuditFailed(
            f"{staged} from {staged.url} failed its audit and was not published. {said} "
            f"The staged rows are in {staged.stage_table}. {to_do}."
        )
