"""``airflow taxi show``: one month, the file that it holds, and what the checks found in it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.utils.cli import suppress_logs_and_warning
from tabulate import tabulate

from nyc_taxi.cli.command import remark, say
from nyc_taxi.cli.output import DOCUMENTS, print_document, print_rows
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.errors import ContractError
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.load.attempt import Outcome

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping, Sequence

    from nyc_taxi.core.check import Check, MeasuredBy
    from nyc_taxi.load.attempt import Attempt

    Results = Mapping[MeasuredBy, tuple[Check, ...]]


@suppress_logs_and_warning
def show(args: Namespace) -> None:
    """Print what the ledger knows of a month, and a row for each check.

    That is the attempt whose rows the month holds, or the newest one where it holds none. Of a newer one
    that failed, the failing checks come last.
    """
    dataset = get_dataset(args.dataset).name
    target = warehouse("postgres", args.conn_id)
    target.prepare()
    attempts = target.ledger.history(dataset, args.month)
    if not attempts:
        raise ContractError(
            f"{dataset} {args.month} was never loaded. Load it: airflow taxi load {dataset} {args.month}."
        )
    shown = next((one for one in attempts if one.outcome is Outcome.PUBLISHED), attempts[-1])
    results = target.ledger.checks(shown.id)
    newest = attempts[-1]
    refused = target.ledger.checks(newest.id) if newest is not shown else {}
    rows = [*_rows(shown, results), *(row for row in _rows(newest, refused) if row["outcome"] == "error")]
    facts = _facts(shown, attempts)
    if args.output in DOCUMENTS:
        print_document({**facts, "checks": rows}, args.output)
    else:
        say(
            tabulate([(name, _told(facts, name)) for name in facts], tablefmt="plain", disable_numparse=True)
            + "\n"
        )
        _print_checks(rows, args.output)
    _explain(shown, newest, results)


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
    """Yield a row for each check of an attempt, by dimension; what was found at load comes first."""
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
    """Print a row for each check; a table, too narrow for sentences, has those that matter below it."""
    in_table = output == "table"
    left_out = {"message"} if in_table else set()
    told = [{name: _told(row, name) for name in row if name not in left_out} for row in rows]
    print_rows(told, output, optional=("attempt", "measured_by"))
    for row in rows:
        if in_table and row["outcome"] != "pass":
            say(f"{row['outcome']}: {row['check']}: {row['message']}")


def _told(row: Mapping[str, Any], name: str) -> str:
    """Return a field as a person reads it: a share in percent, as its limit is, and an attempt as a name."""
    if name == "attempt":
        return str(row[name])
    if name == "value" and (row["threshold"] == "none" or "%" in row["threshold"]):
        return f"{_text(float(f'{100 * row[name]:.3g}'))}%"
    return _text(row[name])


def _text(value: Any) -> str:
    """Return a value as a person reads it: thousands set apart, and no digits that say nothing."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, float):
        return f"{value:,.6f}".rstrip("0").rstrip(".")
    if isinstance(value, int):
        return f"{value:,}"
    return "" if value is None else str(value)


def _explain(shown: Attempt, newest: Attempt, results: Results) -> None:
    """Say what the rows do not: what became of a newer attempt, and that dbt has not measured yet."""
    if newest is not shown:
        reason = f": {newest.reason}" if newest.reason else "."
        remark(f"The newest attempt, {newest.id}, is {newest.outcome}{reason}")
    if shown.outcome is Outcome.PUBLISHED and "dbt" not in results:
        remark("dbt has not measured it; transform_postgres does when it builds the month.")
