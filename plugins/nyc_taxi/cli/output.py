"""Rows on standard output, in the formats of Airflow's own commands."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.cli.simple_table import AirflowConsole
from airflow.utils import yaml

from nyc_taxi.cli.command import remark, say
from nyc_taxi.core.excerpt import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WRITERS: dict[str, Callable[[Any], str]] = {"json": json.dumps, "yaml": yaml.dump}
DOCUMENTS = frozenset(_WRITERS)
"""The formats that can hold nested values."""


def print_rows(
    rows: Sequence[dict[str, Any]], output: str = "table", optional: Sequence[str] = (), *, nothing: str = ""
) -> None:
    """Print rows as a table, plain columns, JSON or YAML.

    Numbers in JSON and YAML are numbers, unlike in Airflow's own commands, which print them as text.

    :param rows: rows with the same keys, and values that are text, numbers, times or None
    :param output: ``table``, ``plain``, ``json`` or ``yaml``
    :param optional: columns that a table drops if it does not fit the terminal, in this order
    :param nothing: sentence to print in place of an empty table
    """
    if output in DOCUMENTS:
        print_document(rows, output)
        return
    if nothing and not rows:
        say(nothing)
        return
    console = AirflowConsole()
    shown = [
        {name: "" if value is None else printable(str(_value(value))) for name, value in row.items()}
        for row in rows
    ]
    console.print_as(_table(shown, optional, console.width) if output == "table" else shown, output)


def print_document(document: Any, output: str) -> None:
    """Print a nested value as JSON or YAML.

    :param document: dictionaries and lists of text, numbers, times and None
    :param output: ``json`` or ``yaml``
    """
    console = AirflowConsole()
    values = _value(document)
    if not console.is_terminal:
        # The same text without colours, which take seconds for a few thousand rows.
        sys.stdout.write(f"{_WRITERS[output](values).rstrip()}\n")
    elif output == "json":
        console.print_as_json(values)
    else:
        console.print_as_yaml(values)


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_value(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _table(rows: list[dict[str, str]], optional: Sequence[str], width: int) -> list[dict[str, str]]:
    """Return what a table of that width shows of the rows, with rich's markup escaped."""
    from rich.markup import escape

    dropped: list[str] = []
    while rows and len(dropped) < len(optional) and _width(rows) > width:
        dropped.append(optional[len(dropped)])
        rows = [{name: text for name, text in row.items() if name not in dropped} for row in rows]
    if dropped:
        remark(f"The terminal is too narrow for {', '.join(dropped)}. Use -o json to see everything.")
    return [{name: escape(text) for name, text in row.items()} for row in rows]


def _width(rows: list[dict[str, str]]) -> int:
    """Return how wide the table of the rows would be."""
    columns = [max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]]
    return sum(columns) + len(" | ") * (len(columns) - 1)
