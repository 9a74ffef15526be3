"""Stage tables and partitions: their names, their making, and which partition holds a month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from nyc_taxi.errors import WarehouseRefused
from nyc_taxi.postgres.schema import columns_of, type_sql
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    import psycopg

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.month import Month


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

    @property
    def sequence(self) -> sql.Identifier:
        """The sequence that numbers rows in the order in which they arrive, while the table is filled."""
        return sql.Identifier("stage", f"{self.name}_row_number")

    @property
    def next_row_number(self) -> sql.Composed:
        """The default that numbers rows; it keeps COPY's multi-row inserts, as other functions would not."""
        name = f'stage."{self.name}_row_number"'
        return sql.SQL("nextval({}::regclass)").format(sql.Literal(name))

    def create(
        self, connection: psycopg.Connection[Any], dataset: Dataset, month: Month, filename: str
    ) -> None:
        """Create the table with the columns that the dataset's table has now, in their order.

        It carries the constraints of the month's partition, and defaults for the columns that no file
        has. The dataset's table is not locked.
        """
        first_day = sql.Literal(month.first_day)
        own = {
            "file_month": sql.SQL("date not null default {}").format(first_day),
            "filename": sql.SQL("text not null default {}").format(sql.Literal(filename)),
            "row_number": sql.SQL("bigint not null default {}").format(self.next_row_number),
        }
        columns = sql.SQL(",\n    ").join(
            sql.SQL("{} {}").format(sql.Identifier(name), own.get(name, type_sql(type_)))
            for name, type_ in columns_of(connection, dataset).items()
        )
        connection.execute(
            statement(
                "create_stage",
                table=self.table,
                sequence=self.sequence,
                columns=columns,
                check=sql.Identifier(f"{self.name}_file_month"),
                first_day=first_day,
            )
        )

    def seal(self, connection: psycopg.Connection[Any]) -> None:
        """Take away what only filling needed."""
        connection.execute(statement("seal_stage", table=self.table, sequence=self.sequence))

    def drop(self, connection: psycopg.Connection[Any]) -> None:
        """Drop the table and its sequence, if they are there."""
        connection.execute(statement("drop_stage", table=self.table, sequence=self.sequence))


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
            f"alter table raw.{dataset.table} detach partition {schema}.{name} finalize"
        )
    return sql.Identifier(schema, name)


def count_rows(connection: psycopg.Connection[Any], dataset: Dataset, month: Month) -> int:
    """Return how many rows a reader of the dataset's table sees for a month."""
    row = connection.execute(
        statement("count_month", table=sql.Identifier("raw", dataset.table)), {"month": month.first_day}
    ).fetchone()
    return int(row[0]) if row else 0
