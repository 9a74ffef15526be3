"""The SQL files of this package as statements that psycopg runs."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = "nyc_taxi.postgres"


@cache
def _text(name: str) -> str:
    return (files(_PACKAGE) / "sql" / f"{name}.sql").read_text("utf-8")


def statement(name: str, /, **parts: sql.Composable) -> sql.Composed:
    """Return the statement in ``sql/<name>.sql`` with its ``{parts}`` filled in.

    Values are passed when the statement runs, as ``%(name)s``; parts are identifiers, lists of them
    and constants of table definitions, each already quoted by :mod:`psycopg.sql`.
    """
    return sql.SQL(_text(name)).format(**parts)


def migrations() -> Iterator[tuple[str, str]]:
    """Yield name and text of every migration, oldest first."""
    for path in sorted((files(_PACKAGE) / "migrations").iterdir(), key=lambda path: path.name):
        if path.name.endswith(".sql"):
            yield path.name.removesuffix(".sql"), path.read_text("utf-8")


def names(columns: list[str] | tuple[str, ...]) -> sql.Composed:
    """Return column names, quoted and separated by commas."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))
