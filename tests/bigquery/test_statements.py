"""The texts of all statements: what BigQuery would charge for, or refuse, and an emulator would not."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SQL = files("nyc_taxi.bigquery") / "sql"
ALL = sorted((path for path in SQL.iterdir() if path.name.endswith(".sql")), key=lambda path: path.name)
WHOLE_TABLES = {
    # Each is asked once by a person, or adds a row, or reads one column of a few bytes per row.
    "attempts.sql": "its filters are added, with the month where it is known",
    "count_months.sql": "the doctor's count of all months",
    "record_measured.sql": "dbt's results of all months at once",
    "warnings.sql": "the page of all months, which rests 20 times as long as an answer took",
}


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_statements_about_partitioned_tables_name_the_month(path: Traversable) -> None:
    """Others would read every month, and changes of different months would abort each other."""
    text = path.read_text("utf-8")
    partitioned = re.search(r"\{table\}|\{ops\}\.(file_ledger|rejected_rows|quality_result)", text)
    if partitioned and path.name not in WHOLE_TABLES:
        assert re.search(r"month (= @month|in unnest\(@months\))", text), path.name


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_no_statement_uses_what_the_load_must_not(path: Traversable) -> None:
    """Partition decorators, external tables, transactions and scripts."""
    text = path.read_text("utf-8").lower()
    assert not re.search(r"external|begin transaction|;\s*\S", text)
    assert "$" not in text.replace("'$.", "'.")
