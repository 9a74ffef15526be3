"""``airflow taxi show``: one month, its file and the results of its checks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.utils.cli import suppress_logs_and_warning
from tabulate import tabulate

from nyc_taxi.cli.command import remark, say
from nyc_taxi.cli.marts import held_by_marts, stale_reasons
from nyc_taxi.cli.output import DOCUMENTS, print_document, print_rows
from nyc_taxi.cli.target import prepared_warehouse
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.numerals import percent
from nyc_taxi.errors import ContractError
from nyc_taxi.load.attempt import Outcome

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping, Sequence

    from nyc_taxi.core.check import Check, MeasuredBy
    from nyc_taxi.load.attempt import Attempt

    Results = Mapping[MeasuredBy, tuple[Check, ...]]


@suppress_logs_and_warning
def show(args: Namespace) -> None:
    """Print what the ledger records about a month, and one row per check.

    The attempt is the one whose rows the month holds, or the newest one if it holds none. If a newer attempt
    failed, its failed checks come last.
    """
    dataset = get_dataset(args.dataset).name
    warehouse = prepared_warehouse(args)
    ledger, stale = warehouse.ledger, stale_reasons(warehouse)
    attempts = ledger.history(dataset, args.month)
    if not attempts:
        raise ContractError(
            f"{dataset} {args.month} was never loaded. Load it: airflow taxi load {dataset} {args.month}."
        )
    newest = attempts[-1]
    shown = next((one for one in attempts if one.outcome is Outcome.PUBLISHED), newest)
    results = ledger.checks(shown.key)
    rows = [*_rows(shown, results)]
    if newest is not shown:
        rows += [row for row in _rows(newest, ledger.checks(newest.key)) if row["outcome"] == "error"]
    facts = {**_facts(shown, attempts), "marts": held_by_marts(shown, stale)}
    if args.output in DOCUMENTS:
        print_document({**facts, "checks": rows}, args.output)
    else:
        table = [(name, _text(value, name)) for name, value in facts.items()]
        say(tabulate(table, tablefmt="plain", disable_numparse=True) + "\n")
        _print_checks(rows, args.output)
    _explain(shown, newest, results, facts["marts"])


def _facts(shown: Attempt, attempts: Sequence[Attempt]) -> dict[str, Any]:
    return {
        "dataset": shown.dataset,
        "month": str(shown.month),
        "state": str(shown.outcome),
        "attempt": shown.id,
        "url": shown.url,
        "rows_in_file": shown.rows_in_file,
        "rows_loaded": shown.rows_loaded,
        "rows_rejected": shown.rows_rejected,
        "loaded_at": shown.finished if shown.outcome is Outcome.PUBLISHED else None,
        "attempts_since": sum(1 for one in attempts if one.id > shown.id),
    }


def _rows(attempt: Attempt, results: Results) -> Iterator[dict[str, Any]]:
    """Yield one row per check of an attempt, by dimension; the checks of the load come first."""
    found = [(check, by) for by in ("load", "dbt") for check in results.get(by, ())]
    for check, by in sorted(found, key=lambda one: one[0].dimension):
        yield {
            "dimension": check.dimension,
            "check": check.name,
            "value": check.value,
            "threshold": check.threshold,
            "outcome": check.outcome,
            "measured_by": by,
            "attempt": attempt.id,
            "message": check.message,
        }


def _print_checks(rows: Sequence[dict[str, Any]], output: str) -> None:
    """Print one row per check; the messages do not fit a table, so those that matter come below it."""
    in_table = output == "table"
    shown = [
        {
            name: _share(value) if name == "value" and _is_share(row) else _text(value, name)
            for name, value in row.items()
            if not (in_table and name == "message")
        }
        for row in rows
    ]
    print_rows(shown, output, optional=("attempt", "measured_by"))
    for row in rows:
        if in_table and row["outcome"] != "pass":
            say(f"{row['outcome']}: {row['check']}: {row['message']}")


def _is_share(row: Mapping[str, Any]) -> bool:
    return row["threshold"] == "none" or "%" in row["threshold"]


def _share(value: float) -> str:
    """Return a share as text: in percent with three digits, or as a multiple when it is large."""
    return f"{value:,.0f} ×" if value >= 10 else percent(value)


def _text(value: Any, name: str = "") -> str:
    """Return a value as text for people."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, float):
        return f"{value:,.6f}".rstrip("0").rstrip(".")
    if isinstance(value, int) and name != "attempt":
        return f"{value:,}"
    return "" if value is None else str(value)


def _explain(shown: Attempt, newest: Attempt, results: Results, marts: str | None) -> None:
    """Say what became of a newer attempt, and why the marts do not have the month."""
    if newest is not shown:
        reason = f": {newest.reason}" if newest.reason else "."
        remark(f"The newest attempt, {newest.id}, is {newest.outcome}{reason}")
    if shown.outcome is Outcome.PUBLISHED and "dbt" not in results:
        remark("dbt has not measured this month yet; the transform DAG does when it builds the month.")
    failed = [check.message for check in results.get("dbt", ()) if check.outcome == "error"]
    if failed and marts != "built":
        remark(f"dbt keeps {shown.dataset} {shown.month} out of the marts: {' '.join(failed)}")
