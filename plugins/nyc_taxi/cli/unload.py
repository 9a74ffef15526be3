"""``airflow taxi unload``: months out of the warehouse, with the ledger's knowledge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.command import confirm, say
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.errors import InvalidCommand
from nyc_taxi.hooks.warehouse import warehouse

if TYPE_CHECKING:
    from argparse import Namespace


@suppress_logs_and_warning
def unload(args: Namespace) -> None:
    """Empty months one after another, after asking, and say of each how many rows it had."""
    dataset = get_dataset(args.dataset).name
    target = warehouse("postgres", args.conn_id)
    target.prepare()
    rows = sum(target.count(dataset, month) for month in args.month)
    if (
        rows
        and not args.yes
        and not confirm(f"Remove {rows:,} rows of {dataset} {args.month} from the warehouse?")
    ):
        raise InvalidCommand("Nothing was changed. Answer y, or add --yes.")
    for month in args.month:
        taken = target.unload(dataset, month)
        say(f"{dataset} {month}: {f'unloaded, {taken:,} rows' if taken else 'holds no rows, nothing to do'}")
