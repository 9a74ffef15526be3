"""What the page of all months says of each of them, from the ledger and from Airflow's runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nyc_taxi.cli.marts import held_by_marts, stale_reasons
from nyc_taxi.core.excerpt import shown as without_secrets
from nyc_taxi.load.attempt import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nyc_taxi.cli.marts import Reasons
    from nyc_taxi.core.month import Month
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.warehouse import Warehouse
    from nyc_taxi.ui.runs import Run, Runs

STATES: Final = {
    "none": "Not loaded",
    "unpublished": "Not published",
    "waiting": "Waiting for the file",
    "loading": "Loading",
    "loaded": "Loaded",
    "republished": "Loaded again after it was republished",
    "rejects": "Loaded, with rejected rows",
    "stale": "Loaded, not yet in the marts",
    "failed": "Failed",
}
"""Each state of a month, and what people call it."""

_LAG: Final = 3
"""Months from the first day of a month to its publication, about two months after its end."""

_LOADING: Final = {Outcome.STAGING, Outcome.UPLOADED, Outcome.STAGED, Outcome.AUDITED}
_FAILED: Final = {Outcome.FAILED, Outcome.ABANDONED}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a warehouse has recorded of all months.

    :param attempts: of each dataset, the published attempt of each month, or the newest one
    :param stale: why the marts lack a month, or have another version of it
    :param facts: what the page shows of each attempt, by its number
    """

    attempts: Mapping[str, Mapping[Month, Attempt]]
    stale: Reasons
    facts: Mapping[int, Mapping[str, Any]]


def recorded(warehouse: Warehouse) -> Recorded:
    """Ask a warehouse about all months, with as many statements for one month as for a thousand."""
    warehouse.prepare()
    ledger = warehouse.ledger
    shown, stale, warnings = ledger.overview(), stale_reasons(warehouse), ledger.warnings()
    attempts: dict[str, dict[Month, Attempt]] = {}
    for one in shown:
        attempts.setdefault(one.dataset, {})[one.month] = one
    return Recorded(attempts, stale, {one.id: _facts(one, stale, warnings.get(one.id, ())) for one in shown})


def _facts(attempt: Attempt, stale: Reasons, warnings: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "attempt": attempt.id,
        "url": without_secrets(attempt.url),
        "outcome": str(attempt.outcome),
        "reason": attempt.reason or "",
    }
    if attempt.outcome is Outcome.PUBLISHED:
        found |= {
            "rows": attempt.rows_loaded,
            "rejects": attempt.rows_rejected,
            "bytes": attempt.bytes,
            "sha256": attempt.sha256,
            "seconds": attempt.seconds,
            "finished": attempt.finished.isoformat() if attempt.finished else None,
            "again": attempt.replaced_id is not None,
            "warnings": warnings,
            "marts": held_by_marts(attempt, stale),
        }
    return found


def due(today: Month) -> Month:
    """Return the newest month that TLC can be expected to have published."""
    return today.plus(-_LAG)


def months(
    dataset: str, dag_ids: tuple[str, ...], known: Recorded | None, runs: Runs
) -> dict[str, dict[str, Any]]:
    """Return what is known of a dataset's months; a month without anything is missing.

    :param dag_ids: the DAG that loads the dataset, then others whose runs may have loaded it
    :param known: what the warehouse recorded; None while it does not answer
    """
    attempts = known.attempts.get(dataset, {}) if known else {}
    newest = runs.newest.get(dag_ids[0], {})
    return {
        str(month): _month(attempts.get(month), newest.get(month), dag_ids, known, runs)
        for month in sorted({*attempts, *newest})
    }


def _month(
    attempt: Attempt | None, run: Run | None, dag_ids: tuple[str, ...], known: Recorded | None, runs: Runs
) -> dict[str, Any]:
    own = runs.of(attempt.run_id, dag_ids) if attempt else None
    stale = known.stale.get((attempt.dataset, attempt.month)) if known and attempt else None
    shown = own if run is None or (own is not None and _since(own, run.began)) else run
    return {
        "state": state(attempt, run, own, stale, asked=known is not None),
        "run": (shown.dag_id, shown.run_id, shown.state) if shown else None,
        **(known.facts[attempt.id] if known and attempt else {}),
    }


def state(
    attempt: Attempt | None, run: Run | None, own: Run | None, stale: str | None, *, asked: bool
) -> str:
    """Return a month's state, one of :data:`STATES`: what is in progress first, then what needs a user.

    :param attempt: the published attempt, or the newest one
    :param run: the newest run of the month's DAG
    :param own: the run that made the attempt
    :param stale: why the marts do not have the month
    :param asked: whether the warehouse answered
    """
    if not asked:
        return _by_run(run)
    if attempt is not None and attempt.outcome in _LOADING:
        # A run that ended without finishing its attempt has died.
        return "loading" if own is None or own.active else "failed"
    if run is not None and _since(run, attempt.finished if attempt else None):
        if run.active:
            return "waiting"
        if run.state == "failed":
            return "failed"
    if attempt is None or attempt.outcome is Outcome.UNLOADED:
        return "none"
    if attempt.outcome is not Outcome.PUBLISHED:
        return "failed" if attempt.outcome in _FAILED else "none"
    return _published(attempt, stale)


def _published(attempt: Attempt, stale: str | None) -> str:
    if stale not in {None, "no models"}:
        return "stale"
    if attempt.rows_rejected:
        return "rejects"
    return "republished" if attempt.replaced_id is not None else "loaded"


def _by_run(run: Run | None) -> str:
    if run is None:
        return "none"
    if run.active:
        return "loading" if run.state == "running" else "waiting"
    return {"success": "loaded", "failed": "failed"}.get(run.state, "none")


def _since(run: Run, time: datetime | None) -> bool:
    """Return whether a run began after a time, as far as both are known."""
    return time is None or run.began is None or run.began >= time
