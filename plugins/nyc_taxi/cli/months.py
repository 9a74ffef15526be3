"""``airflow taxi months``: the months in the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.marts import held_by_marts, stale_reasons
from nyc_taxi.cli.output import print_rows
from nyc_taxi.cli.target import prepared_warehouse
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.load.attempt import Outcome

if TYPE_CHECKING:
    from argparse import Namespace

    from nyc_taxi.load.attempt import Attempt

_CHECKSUM = 12
"""Digits of a checksum that the table shows; enough to see that two files differ."""

_OF_PUBLISHED = {
    "rows_in_file": "rows_in_file",
    "rows_loaded": "rows_loaded",
    "rows_rejected": "rows_rejected",
    "bytes": "bytes",
    "sha256": "sha256",
    "loaded_at": "finished",
    "seconds": "seconds",
}
"""Columns that only a published month has, and the field of the attempt that each shows."""


@suppress_logs_and_warning
def months(args: Namespace) -> None:
    """Print one row per dataset and month in the ledger."""
    dataset = get_dataset(args.dataset).name if args.dataset else None
    warehouse = prepared_warehouse(args)
    attempts, stale = warehouse.ledger.overview(dataset), stale_reasons(warehouse)
    print_rows(
        [
            {**_row(attempt, in_full=args.output != "table"), "marts": held_by_marts(attempt, stale)}
            for attempt in attempts
        ],
        args.output,
        optional=("sha256", "bytes", "seconds", "loaded_at"),
        nothing=f"The ledger has no months{f' of {dataset}' if dataset else ''}.",
    )


def _row(attempt: Attempt, *, in_full: bool) -> dict[str, Any]:
    """Return the row of a month; one that is not published has only a state."""
    row: dict[str, Any] = {
        "dataset": attempt.dataset,
        "month": str(attempt.month),
        "state": str(attempt.outcome),
        **dict.fromkeys(_OF_PUBLISHED),
    }
    if attempt.outcome is Outcome.PUBLISHED:
        row |= {name: getattr(attempt, field) for name, field in _OF_PUBLISHED.items()}
        if not in_full:
            row["sha256"] = str(attempt.sha256)[:_CHECKSUM]
            row["loaded_at"] = f"{attempt.finished:%Y-%m-%d %H:%M:%S}"
            row["seconds"] = f"{attempt.seconds:.1f}"
    return row
