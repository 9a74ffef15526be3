"""Rows on stdout, in the forms that Airflow's own commands offer."""

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
"""The forms that hold values of any depth."""


def print_rows(
    rows: Sequence[dict[str, Any]], output: str = "table", spare: Sequence[str] = (), *, nothing: str = ""
) -> None:
    """Print rows as a table, plain columns, JSON or YAML.

    In JSON and YAML numbers are numbers; Airflow's own commands make text of them.

    :param rows: with the same keys, and values that are text, numbers, times or None
    :param output: ``table``, ``plain``, ``json`` or ``yaml``
    :param spare: columns that a table too wide for its terminal can do without, the first one first
    :param nothing: the sentence that stands for a table or columns without rows
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
    console.print_as(_table(shown, spare, console.width) if output == "table" else shown, output)


def print_document(document: Any, output: str) -> None:
    """Print a value of any depth as JSON or YAML.

    :param document: dictionaries and lists of text, numbers, times and None
    :param output: ``json`` or ``yaml``
    """
    console = AirflowConsole()
    values = _value(document)
    if not console.is_terminal:
        # The same text without colours, which take seconds for some thousand rows.
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
