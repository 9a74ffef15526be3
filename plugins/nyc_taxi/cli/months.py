"""``airflow taxi months``: what the warehouse holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.output import print_rows
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.load.attempt import Outcome

if TYPE_CHECKING:
    from argparse import Namespace

    from nyc_taxi.load.attempt import Attempt

_SHORT = 12
"""Digits of a checksum that the table shows; it is enough to see that two files differ."""

_OF_PUBLISHED = {
    "rows_in_file": "rows_in_file",
    "rows_loaded": "rows_loaded",
    "rows_rejected": "rows_rejected",
    "bytes": "bytes",
    "sha256": "sha256",
    "loaded_at": "finished",
    "seconds": "seconds",
}
"""What is shown of a month that the warehouse holds, and the field of its attempt that it comes from."""


@suppress_logs_and_warning
def months(args: Namespace) -> None:
    """Print one row for each dataset and month that the ledger knows."""
    dataset = get_dataset(args.dataset).name if args.dataset else None
    target = warehouse("postgres", args.conn_id)
    target.prepare()
    attempts = target.ledger.overview(dataset)
    rows = [_row(attempt, in_full=args.output != "table") for attempt in attempts]
    print_rows(
        rows,
        args.output,
        optional=("sha256", "bytes", "seconds", "loaded_at"),
        nothing=f"The ledger knows no month{f' of {dataset}' if dataset else ''}.",
    )


def _row(attempt: Attempt, *, in_full: bool) -> dict[str, Any]:
    """Return what is shown of a month; of one that is not published, only how far it came."""
    row: dict[str, Any] = {
        "dataset": attempt.dataset,
        "month": str(attempt.month),
        "state": str(attempt.outcome),
        **dict.fromkeys(_OF_PUBLISHED),
    }
    if attempt.outcome is Outcome.PUBLISHED:
        row |= {name: getattr(attempt, attribute) for name, attribute in _OF_PUBLISHED.items()}
        if not in_full:
            row["sha256"] = str(attempt.sha256)[:_SHORT]
            row["loaded_at"] = f"{attempt.finished:%Y-%m-%d %H:%M:%S}"
            row["seconds"] = f"{attempt.seconds:.1f}"
    return row
