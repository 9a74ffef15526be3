"""Rows on stdout, in the forms that Airflow's own commands offer."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.cli.simple_table import AirflowConsole

if TYPE_CHECKING:
    from collections.abc import Sequence


def print_rows(rows: Sequence[dict[str, Any]], output: str = "table") -> None:
    """Print rows as a table, plain columns, JSON or YAML.

    In JSON and YAML numbers are numbers; Airflow's own commands make text of them.

    :param rows: with the same keys, and values that are text, numbers, times or None
    :param output: ``table``, ``plain``, ``json`` or ``yaml``
    """
    console = AirflowConsole()
    values: Any = [{name: _value(value) for name, value in row.items()} for row in rows]
    if output == "json":
        console.print_as_json(values)
    elif output == "yaml":
        console.print_as_yaml(values)
    else:
        console.print_as(
            [{name: _shown(value, output) for name, value in row.items()} for row in values], output
        )


def _value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _shown(value: Any, output: str) -> str:
    from rich.markup import escape

    text = "" if value is None else str(value)
    return escape(text) if output == "table" else text
