"""The warehouse's schemas and tables, created and upgraded in place on first use."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.errors import WarehouseRefused
from nyc_taxi.postgres.locks import PREPARE
from nyc_taxi.postgres.rights import SCHEMAS, require_rights
from nyc_taxi.postgres.statements import migrations, statement

if TYPE_CHECKING:
    from nyc_taxi.core.dataset import ColumnType, Dataset

TYPES: Final[dict[ColumnType, str]] = {
    "integer": "integer",
    "double": "double precision",
    "text": "text",
    "timestamp": "timestamp without time zone",
}
"""A spec's column types in Postgres."""

_OWN_COLUMNS: Final = {
    "file_month": "Month of the file, as its first day; trips of other months stay in the file's month.",
    "filename": "Name of the file that holds the row.",
    "row_number": "Ordinal of the row among the file's data rows, from 1.",
    "unmapped": "Values of columns that the dataset does not know, by name; null when there are none.",
}


def prepare(connection: psycopg.Connection[Any], name: str) -> None:
    """Bring the schemas and tables up to date; any number of sessions may do so at once.

    :param connection: an autocommit session of the warehouse
    :param name: what messages call the warehouse
    :raises WarehouseRefused: when months cannot be loaded there, or a table that is already there is not
        the one that a dataset needs
    """
    datasets = [get_dataset(name) for name in dataset_names()]
    fingerprints = {_fingerprint(dataset): dataset for dataset in datasets}
    steps = dict(migrations())
    tables = [f"raw.{dataset.table}" for dataset in datasets]
    try:
        with suppress(psycopg.errors.InsufficientPrivilege):
            if _done(connection, tables) >= {*steps, *fingerprints}:
                return
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s, %s)", PREPARE)
            _create_schemas(connection, require_rights(connection, name))
            done = _done(connection, [])
            if not done:
                connection.execute(statement("bootstrap"))
            for step, text in steps.items():
                if step not in done:
                    connection.execute(text)
                    _record(connection, step)
            for fingerprint, dataset in fingerprints.items():
                _ensure_table(connection, dataset)
                if fingerprint not in done:
                    _record(connection, fingerprint)
    except (psycopg.errors.DuplicateTable, psycopg.errors.UndefinedColumn) as error:
        raise WarehouseRefused(
            f"The warehouse {name} has tables of another program in the schemas raw, stage or ops: "
            f"{error.diag.message_primary}. Use a separate database, or rename them."
        ) from None


def _create_schemas(connection: psycopg.Connection[Any], missing: list[str]) -> None:
    """Create schemas; one that an administrator has made stays as it is."""
    for schema in missing:
        what = sql.SQL("schema {}").format(sql.Identifier(schema))
        connection.execute(sql.SQL("create {}").format(what))
        _comment(connection, what, SCHEMAS[schema])


def _done(connection: psycopg.Connection[Any], tables: list[str]) -> set[str]:
    """Return the steps that are recorded; none when one of the tables is not there."""
    wanted = ["ops.schema_migration", *tables]
    there = connection.execute(
        "select bool_and(to_regclass(name) is not null) from unnest(%s::text[]) as t (name)", (wanted,)
    ).fetchone()
    if not there or not there[0]:
        return set()
    return {row[0] for row in connection.execute("select name from ops.schema_migration")}


def _record(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute("insert into ops.schema_migration (name) values (%s)", (name,))


def _fingerprint(dataset: Dataset) -> str:
    """Return a name that changes whenever the dataset's table has to."""
    parts = [dataset.description, *(f"{c.name} {c.type} {c.description}" for c in dataset.columns)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return f"dataset {dataset.name} {digest}"


def _ensure_table(connection: psycopg.Connection[Any], dataset: Dataset) -> None:
    """Create the dataset's table, or add the columns that it lacks."""
    table = sql.Identifier("raw", dataset.table)
    wanted = {column.name: TYPES[column.type] for column in dataset.columns}
    columns = sql.SQL(",\n    ").join(map(_definition, wanted.items()))
    connection.execute(statement("create_trips", table=table, columns=columns))
    partitioned = connection.execute(
        "select relkind = 'p' from pg_catalog.pg_class where oid = to_regclass(%s)", (f"raw.{dataset.table}",)
    ).fetchone()
    if not partitioned or not partitioned[0]:
        raise WarehouseRefused(
            f"raw.{dataset.table} is a table of another program: it has no partitions. Rename it, or use a "
            "separate database."
        )
    there = columns_of(connection, dataset)
    for name, type_ in wanted.items():
        if name not in there:
            connection.execute(
                sql.SQL("alter table {} add column if not exists {}").format(
                    table, _definition((name, type_))
                )
            )
        elif there[name] != type_:
            raise WarehouseRefused(
                f"raw.{dataset.table}.{name} is {there[name]}, but the dataset {dataset.name} says {type_}. "
                "Alter the column, or correct the dataset's description."
            )
    _comment(connection, sql.SQL("table {}").format(table), f"{dataset.title}. {dataset.description}")
    described = {**_OWN_COLUMNS, **{column.name: column.description for column in dataset.columns}}
    for name, text in described.items():
        _comment(connection, sql.SQL("column {}.{}").format(table, sql.Identifier(name)), text)


def columns_of(connection: psycopg.Connection[Any], dataset: Dataset) -> dict[str, str]:
    """Return the columns of a dataset's table as they are now, in their order, with their types."""
    rows = connection.execute(statement("columns"), {"schema": "raw", "table": dataset.table})
    return dict(rows.fetchall())


def _definition(column: tuple[str, str]) -> sql.Composed:
    name, type_ = column
    return sql.SQL("{} {}").format(sql.Identifier(name), type_sql(type_))


def type_sql(type_: str) -> sql.Composable:
    """Return a type's name as part of a statement.

    :param type_: as the catalogue formats it; only the types of trip tables occur
    :raises WarehouseRefused: for any other type, which a person must have given a column
    """
    known = {
        "integer": sql.SQL("integer"),
        "bigint": sql.SQL("bigint"),
        "double precision": sql.SQL("double precision"),
        "text": sql.SQL("text"),
        "date": sql.SQL("date"),
        "timestamp without time zone": sql.SQL("timestamp without time zone"),
        "jsonb": sql.SQL("jsonb"),
    }
    if type_ not in known:
        raise WarehouseRefused(f"A trip table has a column of the type {type_}, which no dataset asks for.")
    return known[type_]


def _comment(connection: psycopg.Connection[Any], what: sql.Composable, text: str) -> None:
    connection.execute(sql.SQL("comment on {} is {}").format(what, sql.Literal(text)))
