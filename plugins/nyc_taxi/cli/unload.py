"""``airflow taxi unload``: remove months from the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.command import confirm, say
from nyc_taxi.cli.target import prepared_warehouse
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.numerals import counted
from nyc_taxi.errors import ContractError

if TYPE_CHECKING:
    from argparse import Namespace


@suppress_logs_and_warning
def unload(args: Namespace) -> None:
    """Remove the rows of months, after confirmation, and print how many each had."""
    dataset = get_dataset(args.dataset).name
    warehouse = prepared_warehouse(args)
    rows = sum(warehouse.count(dataset, month) for month in args.month)
    question = f"Remove {counted(rows, 'row')} of {dataset} {args.month} from {warehouse.name}?"
    if rows and not args.yes and not confirm(question):
        raise ContractError("Nothing was changed. Answer y, or add --yes.")
    for month in args.month:
        removed = warehouse.unload(dataset, month)
        say(f"{dataset} {month}: {counted(removed, 'row')} removed")
