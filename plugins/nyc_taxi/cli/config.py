"""``airflow taxi config``: every setting with the value in force, and where it comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.command import remark
from nyc_taxi.cli.config_connections import connection, sources
from nyc_taxi.cli.config_values import forms, options, specs
from nyc_taxi.cli.output import print_rows
from nyc_taxi.errors import LeftToDo

if TYPE_CHECKING:
    from argparse import Namespace

    from nyc_taxi.cli.config_values import Setting


@suppress_logs_and_warning
def config(args: Namespace) -> None:
    """Print one row for each setting.

    :raises LeftToDo: when there is one that cannot be used
    """
    settings = [
        *options(),
        *sources(args.tlc_conn_id),
        *connection(args.postgres_conn_id),
        *connection(args.products_conn_id),
        *specs(),
        *forms(),
    ]
    typed = args.output in {"json", "yaml"}
    print_rows([_row(setting, typed=typed) for setting in settings], args.output, spare=("layer",))
    problems = [setting.problem for setting in settings if setting.problem]
    for problem in problems:
        remark(problem)
    if problems:
        raise LeftToDo(f"{len(problems)} of {len(settings)} settings cannot be used as they are.")


def _row(setting: Setting, *, typed: bool) -> dict[str, Any]:
    value = setting.value
    return {
        "layer": setting.layer,
        "name": setting.name,
        "value": value if typed or value is None or isinstance(value, str) else json.dumps(value),
        "origin": setting.origin,
    }
