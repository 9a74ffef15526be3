"""Stage tables and partitions: their names, their making, and which partition holds a month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from nyc_taxi.core.month import Month
from nyc_taxi.errors import WarehouseRefused
from nyc_taxi.postgres.schema import columns_of, type_sql
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import psycopg

    from nyc_taxi.core.dataset import Dataset


@dataclass(frozen=True, slots=True)
class StageTable:
    """A stand-alone table that can be attached to its dataset's table without a scan.

    :param name: its name in the schema ``stage``
    """

    name: str

    @classmethod
    def of(cls, dataset: Dataset, month: Month, attempt: int) -> StageTable:
        """Return the table of one attempt, which no other attempt shares."""
        return cls(f"{partition_name(dataset, month)}_{attempt}")

    @property
    def table(self) -> sql.Identifier:
        """The table."""
        return sql.Identifier("stage", self.name)

    def create(self, connection: psycopg.Connection[Any], dataset: Dataset, month: Month) -> None:
        """Create the table with the columns that the dataset's table has now, all but the file's name.

        It has the constraints of the month's partition, and a default for the file's month. The dataset's
        table is not locked. Autovacuum ignores it, which would read it in the middle of being filled and
        lock it when it is to be dropped.
        """
        first_day = sql.Literal(month.first_day)
        own = {
            "file_month": sql.SQL("date not null default {}").format(first_day),
            "row_number": sql.SQL("bigint not null"),
        }
        columns = sql.SQL(",\n    ").join(
            sql.SQL("{} {}").format(sql.Identifier(name), own.get(name, type_sql(type_)))
            for name, type_ in columns_of(connection, dataset).items()
            if name != "filename"
        )
        connection.execute(
            statement(
                "create_stage",
                table=self.table,
                columns=columns,
                check=sql.Identifier(f"{self.name}_file_month"),
                first_day=first_day,
            )
        )

    def seal(self, connection: psycopg.Connection[Any], filename: str) -> None:
        """Take away what only filling needed, and name the file that the rows are from.

        The name is added when the rows are there: as a constant of the table it takes no room in them.
        """
        connection.execute(statement("seal_stage", table=self.table, filename=sql.Literal(filename)))

    def drop(self, connection: psycopg.Connection[Any]) -> None:
        """Drop the table, if it is there."""
        connection.execute(statement("drop_stage", table=self.table))


def partition_name(dataset: Dataset, month: Month) -> str:
    """Return the name that a month's partition has unless a person's table has it already."""
    return f"{dataset.table}_{month.text.replace('-', '_')}"


def partition_of(
    connection: psycopg.Connection[Any], dataset: Dataset, month: Month
) -> sql.Identifier | None:
    """Return the partition that takes a month's rows, whatever its name, or None.

    :raises WarehouseRefused: when a person's ``detach … concurrently`` of it was left half done
    """
    row = connection.execute(
        statement("partition"),
        {"schema": "raw", "table": dataset.table, "bound": f"'{month.first_day.isoformat()}'"},
    ).fetchone()
    if row is None:
        return None
    schema, name, detaching = row
    if detaching:
        raise WarehouseRefused(
            f"The partition {schema}.{name} of {dataset.name} {month} is half detached. Finish it with: "
            f"{_finish_detaching(connection, dataset, schema, name)}"
        )
    return sql.Identifier(schema, name)


def half_detached(connection: psycopg.Connection[Any], dataset: Dataset) -> list[tuple[str, str]]:
    """Return the partitions whose detaching was left half done, each with the statement that finishes it."""
    rows = connection.execute(statement("half_detached"), {"parent": f'raw."{dataset.table}"'})
    return [
        (f"{schema}.{name}", _finish_detaching(connection, dataset, schema, name)) for schema, name in rows
    ]


def _finish_detaching(connection: psycopg.Connection[Any], dataset: Dataset, schema: str, name: str) -> str:
    finish = sql.SQL("alter table {} detach partition {} finalize")
    table, partition = sql.Identifier("raw", dataset.table), sql.Identifier(schema, name)
    return finish.format(table, partition).as_string(connection)


def count_rows(connection: psycopg.Connection[Any], dataset: Dataset, month: Month) -> int:
    """Return how many rows a reader of the dataset's table sees for a month."""
    row = connection.execute(
        statement("count_month", table=sql.Identifier("raw", dataset.table)), {"month": month.first_day}
    ).fetchone()
    return int(row[0]) if row else 0


def per_day(
    connection: psycopg.Connection[Any], dataset: Dataset, months: Sequence[Month]
) -> dict[Month, dict[date, int]]:
    """Return how many trips of some months began on each day of their month."""
    found: dict[Month, dict[date, int]] = {month: {} for month in months}
    query = statement(
        "per_day", table=sql.Identifier("raw", dataset.table), pickup=sql.Identifier(dataset.pickup)
    )
    for first_day, day, trips in connection.execute(query, {"months": [one.first_day for one in months]}):
        found[Month.of(first_day)][day] = trips
    return found


def count_months(connection: psycopg.Connection[Any], dataset: Dataset) -> dict[date, int]:
    """Return how many rows a reader of the dataset's table sees for each first day of a month."""
    rows = connection.execute(statement("count_months", table=sql.Identifier("raw", dataset.table)))
    return dict(rows.fetchall())
