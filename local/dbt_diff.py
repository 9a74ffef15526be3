"""What a change of the dbt models changes: rows and sums of each month, in the schemas dev and prod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

from local.told import Told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

MODELS = {
    "fct_trips": ("dataset", "file_month"),
    "fct_fhv_trips": ("dataset", "file_month"),
    "fct_monthly_zone_revenue": ("service_type", "revenue_month"),
}
"""The models that are compared, each with the columns that name a month's rows of it."""

_SUMMED = ("integer", "bigint", "numeric", "boolean")
_NOT_SUMMED = {"row_number", "attempt_id"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure that is not the same on both sides.

    :param model: name of the model
    :param month: dataset or service, and month
    :param figure: ``rows``, or the column that is summed; ``true`` counts as 1
    :param prod: the figure in prod; None where it has nothing
    :param dev: the figure in dev; None where it has nothing
    """

    model: str
    month: str
    figure: str
    prod: Decimal | None
    dev: Decimal | None


def differences(connection: psycopg.Connection[Any], dev: str = "dev") -> list[Difference]:
    """Compare every month that dev has built with the same month in prod.

    Months that dev has not built are left out, so that a change can be tried on a few months. Columns
    that only one side has are differences of their own.

    :param dev: what the schemas of dev begin with
    :raises Told: when a side was never built
    """
    found: list[Difference] = []
    for model, keys in MODELS.items():
        columns = [_columns(connection, schema, model) for schema in ("marts", f"{dev}_marts")]
        for name in sorted(set(columns[0]) ^ set(columns[1])):
            only_prod = name in columns[0]
            found.append(
                Difference(model, "", f"column {name} only in {'prod' if only_prod else dev}", None, None)
            )
        summed = [name for name in columns[0] if name in columns[1]]
        prod, own = (
            _figures(connection, schema, model, keys, summed) for schema in ("marts", f"{dev}_marts")
        )
        found += _compare(model, prod, own)
    return found


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


def _columns(connection: psycopg.Connection[Any], schema: str, model: str) -> list[str]:
    """Return the columns of a model that can be summed."""
    rows = connection.execute(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = %s and table_name = %s order by ordinal_position",
        (schema, model),
    ).fetchall()
    if not rows:
        raise Told(
            f"There is no {schema}.{model}. Build both sides first: make dbt CMD='build --target prod' "
            "and make dbt CMD=build."
        )
    return [name for name, type_ in rows if type_ in _SUMMED and name not in _NOT_SUMMED]


def _figures(
    connection: psycopg.Connection[Any], schema: str, model: str, keys: tuple[str, ...], summed: list[str]
) -> dict[str, dict[str, Decimal]]:
    """Return the number of rows and the sums of a model, by month."""
    sums = [
        sql.SQL("coalesce(sum(cast(cast({} as text) as numeric)), 0)").format(sql.Identifier(name))
        for name in summed
    ]
    columns = sql.SQL(", ").join([*map(sql.Identifier, keys), sql.SQL("count(*)"), *sums])
    statement = sql.SQL("select {} from {} group by {}").format(
        columns, sql.Identifier(schema, model), sql.SQL(", ").join(map(sql.Identifier, keys))
    )
    return {
        f"{row[0]} {row[1]:%Y-%m}": dict(zip(("rows", *summed), row[2:], strict=True))
        for row in connection.execute(statement)
    }


def show(found: list[Difference]) -> None:
    """Print the differences as a table, or that there are none."""
    console = Console(highlight=False)
    if not found:
        console.print("dev and prod agree in all months that dev has built.")
        return
    table = Table(title="What dev would change", title_justify="left")
    for name in ("model", "month", "figure"):
        table.add_column(name)
    for name in ("prod", "dev"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(one.model, one.month, one.figure, *(_text(value) for value in (one.prod, one.dev)))
    console.print(table)


def _text(value: Decimal | None) -> str:
    return "" if value is None else f"{value:,}"
