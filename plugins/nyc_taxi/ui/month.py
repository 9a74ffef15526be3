"""What the page of one month says of it, from the ledger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from nyc_taxi.cli.marts import held_by_marts, stale_reasons
from nyc_taxi.cli.rejects import escaped
from nyc_taxi.core.excerpt import shown
from nyc_taxi.load.attempt import Outcome

if TYPE_CHECKING:
    from nyc_taxi.core.month import Month
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.warehouse import Warehouse
    from nyc_taxi.ui.runs import Runs

ATTEMPTS: Final = 50
"""How many attempts are listed, the newest."""

CHECKED: Final = 5
"""Of how many attempts the checks are compared."""

REJECTS: Final = 100
"""How many rejected rows are shown."""

_LONGEST: Final = 300
"""Characters of a rejected row that are shown."""

_FACTS: Final = (
    *("id", "outcome", "source", "bytes", "bytes_uncompressed", "sha256", "rows_in_file", "rows_loaded"),
    *("rows_rejected", "schema_version", "missing", "unknown", "seconds", "replaced_id"),
)


def describe(warehouse: Warehouse, dataset: str, month: Month) -> dict[str, Any]:
    """Return a month's attempts, their checks and its rejected rows, each list bounded.

    Attempts are newest first. Each check has one result per attempt that has been checked, newest first.
    """
    warehouse.prepare()
    ledger = warehouse.ledger
    history = ledger.history(dataset, month)[::-1]
    checked = [one for one in history if one.outcome not in {Outcome.STAGING, Outcome.UPLOADED}][:CHECKED]
    with ThreadPoolExecutor(CHECKED) as threads:
        results = list(threads.map(lambda one: ledger.checks(one.key), checked))
    stale = stale_reasons(warehouse)
    current = next((one for one in history if one.outcome is Outcome.PUBLISHED), None)
    return {
        "attempts": [_facts(one) for one in history[:ATTEMPTS]],
        "all_attempts": len(history),
        "marts": held_by_marts(current, stale) if current else None,
        "checks": [
            {"attempt": attempt.id, "measured_by": by, **asdict(check)}
            for attempt, found in zip(checked, results, strict=True)
            for by, checks in found.items()
            for check in checks
        ],
        **_rejects(warehouse, dataset, month),
    }


def with_runs(described: dict[str, Any], runs: Runs, dag_ids: tuple[str, ...]) -> dict[str, Any]:
    """Add to each attempt the run that made it, if Airflow still has it."""
    attempts = []
    for one in described["attempts"]:
        run = runs.of(one["run_id"], dag_ids)
        attempts.append({**one, "run": [run.dag_id, run.run_id, run.state] if run else None})
    return {**described, "attempts": attempts}


def per_day(warehouse: Warehouse, dataset: str, month: Month) -> dict[str, dict[str, int]]:
    """Return the trips per day of a month and its two neighbours, by month and day of the month."""
    months = [month.plus(-1), month, month.plus(1)]
    found = warehouse.per_day(dataset, months)
    return {str(one): {str(day.day): trips for day, trips in found[one].items()} for one in months}


def _facts(attempt: Attempt) -> dict[str, Any]:
    return {
        **{name: getattr(attempt, name) for name in _FACTS},
        "url": shown(attempt.url),
        "run_id": attempt.run_id,
        "started": attempt.started.isoformat(),
        "finished": attempt.finished.isoformat() if attempt.finished else None,
        "reason": attempt.reason or "",
    }


def _rejects(warehouse: Warehouse, dataset: str, month: Month) -> dict[str, Any]:
    attempt = warehouse.ledger.rejecting(dataset, month)
    if attempt is None:
        return {"rejects": [], "rejected": 0, "rejected_by": None}
    rows = [
        {
            "line": row.line_number,
            "row": row.row_number,
            "reason": row.reason,
            "text": _cut(escaped(row.line)),
        }
        for row in warehouse.ledger.rejects(attempt, REJECTS)
    ]
    return {
        "rejects": rows,
        "rejected": attempt.rows_rejected if attempt.rows_rejected is not None else len(rows),
        "rejected_by": attempt.id,
    }


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
