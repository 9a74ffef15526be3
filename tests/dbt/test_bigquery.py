"""The same models on BigQuery, as far as it can be seen without one: dbt compiles them, and they parse."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import sqlfluff
from sqlfluff.api.simple import APIParsingError

from local import dbt
from tests.dbt.mart import environment

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = """
bigquery:
  target: prod
  outputs:
    prod:
      type: bigquery
      method: oauth-secrets
      token: nothing
      project: no-project
      dataset: marts
      threads: 1
"""
"""A profile that has a token, so that nobody asks for one; it is never used."""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every statement, by the file that it is from."""
    folder: Path = tmp_path_factory.mktemp("bigquery")
    (folder / "profiles.yml").write_text(PROFILE)
    own = dbt.environment(environment(), folder) | {"DBT_PROFILES_DIR": str(folder)}
    done = subprocess.run(
        (
            dbt.program(), "compile", "--profile", "bigquery", "--no-populate-cache", "--no-introspect",
            "--vars", "{months: [2021-01, 2021-02]}",
        ),
        env=own,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    found = (folder / "target" / "compiled").rglob("*.sql")
    return {path.stem: path.read_text() for path in found}


def parse_error(statement: str) -> str:
    """Return what is wrong with a statement in BigQuery's dialect."""
    try:
        sqlfluff.parse(statement, dialect="bigquery")
    except APIParsingError as error:
        return str(error)
    return ""


def test_every_statement_is_one_of_bigquery(compiled: dict[str, str]) -> None:
    assert len(compiled) > 40
    broken = {name: said for name, statement in compiled.items() if (said := parse_error(statement))}
    assert broken == {}
    assert parse_error("select a::text from b")


def test_what_bigquery_writes_otherwise_is_there(compiled: dict[str, str]) -> None:
    assert "date_trunc(cast(pickup_datetime as date), month)" in compiled["int_trips"]
    assert "to_hex(md5(" in compiled["int_trips"]
    assert "datetime_diff(dropoff_datetime, pickup_datetime, second)" in compiled["int_fhv_trips"]
    assert "to_json_string(unmapped)" in compiled["stg_green_tripdata"]
    assert not [name for name, statement in compiled.items() if " as text)" in statement]


def test_months_are_constants_so_that_partitions_are_pruned(compiled: dict[str, str]) -> None:
    for name in (
        "int_trips",
        "int_fhv_trips",
        "int_quality",
        "fct_trips",
        "fct_fhv_trips",
        "int_zone_revenue",
        "built_months",
    ):
        assert "where file_month in (date '2021-01-01', date '2021-02-01')" in " ".join(
            compiled[name].split()
        )
