"""Where a file's fields go: straight into the stage table, or by way of a work table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from nyc_taxi.errors import ContractError
from nyc_taxi.postgres.schema import TYPES, type_sql
from nyc_taxi.postgres.statements import names, statement
from nyc_taxi.postgres.tables import NUMBERS

if TYPE_CHECKING:
    import psycopg

    from nyc_taxi.files.header import HeaderPlan
    from nyc_taxi.load.measures import Measures
    from nyc_taxi.postgres.tables import StageTable

_WORK: Final = sql.Identifier("pg_temp", "nyc_taxi_work")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What reading a file into a stage table came to.

    :param plan: what its header meant
    :param rows_in_file: data rows counted in the file's own bytes, or in a parquet file's metadata
    :param rows_loaded: rows in the stage table
    :param rows_rejected: rows that could not be loaded
    :param bytes_uncompressed: size of the file's content
    :param measures: what the loaded rows add up to, if that was measured already
    """

    plan: HeaderPlan
    rows_in_file: int
    rows_loaded: int
    rows_rejected: int
    bytes_uncompressed: int
    measures: Measures | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """The target of a COPY that takes a file's fields in the file's order.

    Fields that all have a column of their own go straight to the stage table. Otherwise they go to a
    temporary table, with text columns for what the dataset does not know, and from there by one
    statement into the stage table, whose ``unmapped`` keeps the unknown values that are not null.

    :param stage: the attempt's stage table
    :param plan: the file's header plan
    :param numbered: whether the row number comes as the first field, instead of from the stage's sequence
    """

    stage: StageTable
    plan: HeaderPlan
    numbered: bool = False

    def open(self, connection: psycopg.Connection[Any]) -> None:
        """Create the temporary table, when one is needed."""
        if not self.plan.direct:
            fields = [
                sql.SQL("{} {}").format(
                    sql.Identifier(name), type_sql(TYPES[target.column.type] if target.column else "text")
                )
                for name, target in zip(self._fields, self.plan.targets, strict=True)
            ]
            connection.execute(
                statement(
                    "create_work",
                    work=_WORK,
                    fields=sql.SQL(",\n    ").join(fields),
                    numbers=sql.Literal(NUMBERS),
                )
            )

    @property
    def most_rows(self) -> int:
        """Rows that one COPY can number, at most."""
        return NUMBERS - 1

    def number_from(self, connection: psycopg.Connection[Any], first: int) -> None:
        """Let the session's next COPY number its rows from ``first`` on.

        The session takes the numbers that follow for itself. It must not be disturbed in this by
        another one; once it has them, others may do the same.
        """
        table = f'stage."{self.stage.name}"' if self.plan.direct else "pg_temp.nyc_taxi_work"
        connection.execute(statement("number_from"), {"table": table, "before": first - 1})
        taken = connection.execute(statement("take_number"), {"table": table}).fetchone()
        if taken != (first - 1,):
            raise ContractError(
                f"The rows of {table} cannot be numbered from {first} on: the sequence gave {taken}. "
                "Nothing was kept; run the month again."
            )

    @property
    def copy(self) -> sql.Composed:
        """The COPY statement; an empty field is null, whether quoted or not."""
        fields = names(self._fields)
        numbered = sql.SQL("row_number, ") if self.numbered else sql.SQL("")
        table = self.stage.table if self.plan.direct else _WORK
        return statement("copy_csv", table=table, columns=numbered + fields, fields=fields)

    def close(self, connection: psycopg.Connection[Any]) -> None:
        """Bring the rows from the temporary table, if there is one, into the stage table."""
        if self.plan.direct:
            return
        known = {
            target.column.name: field
            for field, target in zip(self._fields, self.plan.targets, strict=True)
            if target.column is not None
        }
        unknown = {
            target.name: field
            for field, target in zip(self._fields, self.plan.targets, strict=True)
            if target.column is None
        }
        connection.execute(
            statement(
                "fill_stage",
                table=self.stage.table,
                columns=names(list(known)),
                fields=names(list(known.values())),
                unknown=names(list(unknown.values())),
                work=_WORK,
            ),
            {"names": list(unknown)},
        )
        connection.execute(statement("drop_work", work=_WORK))

    @property
    def _fields(self) -> list[str]:
        """The columns that COPY writes, one for each field of the file."""
        if self.plan.direct:
            return [target.name for target in self.plan.targets]
        return [f"field_{position}" for position, _ in enumerate(self.plan.targets, start=1)]
