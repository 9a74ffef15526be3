"""Postgres accepts every SQL statement of the documentation, with the tables that the demo has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from local import columns
from tests.pages import blocks, named, pages

if TYPE_CHECKING:
    from collections.abc import Iterator

VERB = re.compile(r"(select|create|grant|alter) ")

OF_PAGES = """
create table public.green_tripdata (filename text);
create table raw.shuttle_tripdata (
    row_number bigint, pickup_datetime timestamp, pulocationid integer, passengers integer, unmapped jsonb
);
"""
"""Tables of the Zoomcamp's flow, and of the dataset that a page adds."""


def statements() -> Iterator[tuple[str, str]]:
    """Yield the statements of each page: in blocks, for ``make psql``, in comments and in sentences."""
    texts = blocks("sql") + [(page, code) for page, code in named() if VERB.match(code)]
    for page, text in pages().items():
        found = re.findall(r"<<'SQL'\n(.*?)^SQL$", text, re.DOTALL | re.MULTILINE)
        found += re.findall(r"""^\$ echo ['"](.*)['"] \| make psql""", text, re.MULTILINE)
        found += re.findall(r"# (select .*);$", text, re.MULTILINE)
        texts += [(page, one) for one in found]
    for page, text in texts:
        parts = re.sub(r" +--.*$", "", text, flags=re.MULTILINE).split(";")
        yield from ((page, part.strip()) for part in parts if part.strip())


@pytest.fixture
def demo(warehouse: psycopg.Connection) -> psycopg.Connection:
    """A warehouse with the tables of the load and of dbt."""
    warehouse.execute("create schema marts")
    for table, _, rows in columns.models():
        bare = [[cell.strip("`") for cell in row] for row in rows]
        fields = ", ".join(f"{name} {type_}" for name, type_, _ in bare)
        warehouse.execute(f"create table {table} ({fields})".encode())
    warehouse.execute(OF_PAGES.encode())
    return warehouse


def test_postgres_accepts_every_statement_of_the_docs(demo: psycopg.Connection) -> None:
    queries, others, wrong = 0, 0, []
    for page, statement in statements():
        # Others are compiled, and not run: they name databases and roles of the reader.
        is_query = statement.startswith("select")
        asked = (
            f"explain {statement}" if is_query else f"do $$ begin if false then {statement}; end if; end $$"
        )
        queries, others = queries + is_query, others + (not is_query)
        try:
            with demo.transaction():
                demo.execute(asked.encode())
        except psycopg.Error as error:
            wrong.append(f"{page}: {statement}\n{error}")
    assert not wrong, "\n\n".join(wrong)
    assert queries > 15
    assert others > 10
