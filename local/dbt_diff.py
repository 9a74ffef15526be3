"""Compares what dbt built in dev and in prod: rows and sums per month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

MODELS = {
    "marts.fct_trips": ("dataset", "file_month"),
    "marts.fct_fhv_trips": ("dataset", "file_month"),
    "marts.fct_fhvhv_trips": ("dataset", "file_month"),
    "intermediate.int_zone_revenue": ("dataset", "file_month"),
}
"""The compared models, each with the columns that identify a month's rows."""

WHOLE = {"marts.fct_monthly_zone_revenue": ("service_type", "revenue_month")}
"""Models built from all files, which are compared only if both sides have built the same months."""

_SUMMED = ("integer", "bigint", "numeric", "boolean")
_WIDTH = 130
_NOT_SUMMED = {"row_number", "attempt_id"}


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that differs.

    :param model: name of the model
    :param month: dataset or service, and month
    :param figure: ``rows``, or the column that is summed; ``true`` counts as 1
    :param prod: the figure in prod; None if there is none
    :param dev: the figure in dev; None if there is none
    """

    model: str
    month: str
    figure: str
    prod: Decimal | None
    dev: Decimal | None


def differences(connection: psycopg.Connection[Any], dev: str = "dev") -> list[Difference]:
    """Compare every month that dev has built with the same month in prod.

    Months that dev has not built are skipped, so that a change can be tried on a few months. A column that
    only one side has is a difference.

    :param dev: prefix of the schemas of dev
    :raises LocalError: if a side was never built
    """
    found: list[Difference] = []
    built = [_built(connection, prefix) for prefix in ("", f"{dev}_")]
    for model, keys in (MODELS | (WHOLE if built[0] == built[1] else {})).items():
        prod, own = model, f"{dev}_{model}"
        columns = [_columns(connection, side) for side in (prod, own)]
        for name in sorted(set(columns[0]) ^ set(columns[1])):
            where = "prod" if name in columns[0] else dev
            found.append(Difference(model, "", f"column {name} only in {where}", None, None))
        summed = {name: type_ for name, type_ in columns[0].items() if name in columns[1]}
        figures = [_figures(connection, side, keys, summed) for side in (prod, own)]
        found += _compare(model, *figures)
    return found


def skipped(connection: psycopg.Connection[Any], dev: str = "dev") -> list[str]:
    """Return the months that prod has built and dev has not."""
    prod, own = (_built(connection, prefix) for prefix in ("", f"{dev}_"))
    return [f"{dataset} {month:%Y-%m}" for dataset, month in prod if (dataset, month) not in own]


def _built(connection: psycopg.Connection[Any], prefix: str) -> list[tuple[Any, ...]]:
    """Return the months that a side has built.

    :raises LocalError: if it was never built
    """
    relation = f"{prefix}ops.built_months"
    if connection.execute("select to_regclass(%s)", (relation,)).fetchall() == [(None,)]:
        raise LocalError(
            f"There is no {relation}. Build both sides first: make dbt CMD='build --target prod' "
            "and make dbt CMD=build."
        )
    months = sql.SQL("select dataset, file_month from {} order by dataset, file_month")
    return connection.execute(months.format(_identifier(relation))).fetchall()


def _identifier(relation: str) -> sql.Identifier:
    return sql.Identifier(*relation.split("."))


def _compare(
    model: str, prod: dict[str, dict[str, Decimal]], dev: dict[str, dict[str, Decimal]]
) -> Iterator[Difference]:
    for month, figures in sorted(dev.items()):
        theirs = prod.get(month)
        if theirs is None:
            yield Difference(model, month, "rows", None, figures["rows"])
            continue
        for figure, value in figures.items():
            if theirs[figure] != value:
                yield Difference(model, month, figure, theirs[figure], value)


def _columns(connection: psycopg.Connection[Any], relation: str) -> dict[str, str]:
    """Return the columns of a table that can be summed, with their types."""
    rows = connection.execute(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = %s and table_name = %s order by ordinal_position",
        relation.split("."),
    )
    return {name: type_ for name, type_ in rows if type_ in _SUMMED and name not in _NOT_SUMMED}


def _figures(
    connection: psycopg.Connection[Any], relation: str, keys: tuple[str, ...], summed: dict[str, str]
) -> dict[str, dict[str, Decimal]]:
    """Return the number of rows and the sums of a table per month."""
    sums = [
        sql.SQL("coalesce(sum(cast({} as {})), 0)").format(
            sql.Identifier(name), sql.SQL("integer" if type_ == "boolean" else "numeric")
        )
        for name, type_ in summed.items()
    ]
    statement = sql.SQL("select {}, {} from {} group by {}").format(
        by := sql.SQL(", ").join(map(sql.Identifier, keys)),
        sql.SQL(", ").join([sql.SQL("count(*)"), *sums]),
        _identifier(relation),
        by,
    )
    return {
        f"{row[0]} {row[1]:%Y-%m}": dict(zip(("rows", *summed), row[2:], strict=True))
        for row in connection.execute(statement)
    }


def show(found: list[Difference], skipped: list[str]) -> None:
    """Print the differences as a table, or that there are none, and the months that were skipped."""
    console = Console(highlight=False)
    if skipped:
        console.print(f"Skipped, because dev has not built them: {', '.join(skipped)}.", soft_wrap=True)
    if not found:
        console.print("dev and prod agree in every month that dev has built.")
        return
    console.width = max(console.width, _WIDTH)
    table = Table(title="Differences between prod and dev", title_justify="left")
    for name in ("model", "month", "figure"):
        table.add_column(name, no_wrap=True)
    for name in ("prod", "dev"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(one.model, one.month, one.figure, *(_text(value) for value in (one.prod, one.dev)))
    console.print(table)


def _text(value: Decimal | None) -> str:
    return "" if value is None else f"{value:,}"
