"""Rows on stdout, in the forms that Airflow's own commands offer."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.cli.simple_table import AirflowConsole
from airflow.utils import yaml

from nyc_taxi.cli.command import remark
from nyc_taxi.core.excerpt import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WRITERS: dict[str, Callable[[Any], str]] = {"json": json.dumps, "yaml": yaml.dump}


def print_rows(rows: Sequence[dict[str, Any]], output: str = "table", spare: Sequence[str] = ()) -> None:
    """Print rows as a table, plain columns, JSON or YAML.

    In JSON and YAML numbers are numbers; Airflow's own commands make text of them.

    :param rows: with the same keys, and values that are text, numbers, times or None
    :param output: ``table``, ``plain``, ``json`` or ``yaml``
    :param spare: columns that a table too wide for its terminal can do without, the first one first
    """
    console = AirflowConsole()
    values: Any = [{name: _value(value) for name, value in row.items()} for row in rows]
    if output in _WRITERS and not console.is_terminal:
        # The same text without colours, which take seconds for some thousand rows.
        sys.stdout.write(f"{_WRITERS[output](values).rstrip()}\n")
    elif output == "json":
        console.print_as_json(values)
    elif output == "yaml":
        console.print_as_yaml(values)
    else:
        shown = [
            {name: "" if value is None else printable(str(value)) for name, value in row.items()}
            for row in values
        ]
        console.print_as(_table(shown, spare, console.width) if output == "table" else shown, output)


def _value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _table(rows: list[dict[str, str]], spare: Sequence[str], width: int) -> list[dict[str, str]]:
    """Return what a table of that width shows of the rows, in which nothing is taken for markup."""
    from rich.markup import escape

    left_out: list[str] = []
    while rows and len(left_out) < len(spare) and _width(rows) > width:
        left_out.append(spare[len(left_out)])
        rows = [{name: text for name, text in row.items() if name not in left_out} for row in rows]
    if left_out:
        remark(f"The terminal is too narrow for {', '.join(left_out)}: -o json shows all.")
    return [{name: escape(text) for name, text in row.items()} for row in rows]


def _width(rows: list[dict[str, str]]) -> int:
    """Return how wide the table of the rows would be."""
    columns = [max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]]
    return sum(columns) + len(" | ") * (len(columns) - 1)
