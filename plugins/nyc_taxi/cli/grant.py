"""``airflow taxi grant``: a role that may read the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.command import say
from nyc_taxi.hooks.warehouse import warehouse

if TYPE_CHECKING:
    from argparse import Namespace


@suppress_logs_and_warning
def grant(args: Namespace) -> None:
    """Let a role read the warehouse, and say how a person comes to be in it."""
    created = warehouse("postgres", args.conn_id).grant_reading(args.role)
    new = "new " if created else ""
    say(f"The {new}role {args.role} may read the warehouse as it is, and whatever is loaded or built later.")
