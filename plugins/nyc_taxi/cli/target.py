"""The warehouse that the arguments of a command name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.options import configured_targets

if TYPE_CHECKING:
    from argparse import Namespace

    from nyc_taxi.load.warehouse import Warehouse


def chosen_warehouse(args: Namespace) -> Warehouse:
    """Return the warehouse of ``--target`` and ``--conn-id``; by default the first configured one."""
    return warehouse(args.target or configured_targets()[0], args.conn_id)


def prepared_warehouse(args: Namespace) -> Warehouse:
    """Return the same warehouse with its tables created or upgraded."""
    chosen = chosen_warehouse(args)
    chosen.prepare()
    return chosen
