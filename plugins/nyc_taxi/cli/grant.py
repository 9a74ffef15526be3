"""``airflow taxi grant``: let a role read the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.command import say
from nyc_taxi.cli.target import chosen_warehouse

if TYPE_CHECKING:
    from argparse import Namespace


@suppress_logs_and_warning
def grant(args: Namespace) -> None:
    """Let a role read the warehouse, and say whether it was created."""
    created = chosen_warehouse(args).grant_reading(args.role)
    say(f"The {'new ' if created else ''}role {args.role} may read the warehouse.")
