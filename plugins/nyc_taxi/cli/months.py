"""``airflow taxi months``: what the warehouse holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.command import command
from nyc_taxi.cli.output import print_rows
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.postgres import ledger

if TYPE_CHECKING:
    from argparse import Namespace

    from nyc_taxi.postgres.ledger import Attempt

_SHORT = 12
"""Digits of a checksum that the table shows; it is enough to see that two files differ."""


@command
@suppress_logs_and_warning
def months(args: Namespace) -> None:
    """Print one row for each dataset and month that the ledger knows."""
    dataset = get_dataset(args.dataset).name if args.dataset else None
    target = warehouse(args.postgres_conn_id)
    target.prepare()
    with target.session("months") as connection:
        attempts = ledger.months(connection, dataset)
    print_rows([_row(attempt, in_full=args.output != "table") for attempt in attempts], args.output)


def _row(attempt: Attempt, *, in_full: bool) -> dict[str, Any]:
    sha256, loaded_at, seconds = attempt.sha256, attempt.finished, attempt.seconds
    return {
        "dataset": attempt.dataset,
        "month": str(attempt.month),
        "state": str(attempt.outcome),
        "rows_in_file": attempt.rows_in_file,
        "rows_loaded": attempt.rows_loaded,
        "rows_rejected": attempt.rows_rejected,
        "bytes": attempt.bytes,
        "sha256": sha256 if in_full or sha256 is None else sha256[:_SHORT],
        "loaded_at": loaded_at if in_full or loaded_at is None else f"{loaded_at:%Y-%m-%d %H:%M:%S}",
        "seconds": None if seconds is None else round(seconds, 3 if in_full else 1),
    }
