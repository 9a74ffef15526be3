"""The same models on BigQuery, without one: dbt compiles them, they parse, and their types are right."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import sqlfluff
from sqlfluff.api.simple import APIParsingError

from local import dbt
from nyc_taxi.core.dataset import dataset_names, get_dataset
from tests.dbt.mart import environment

SCRIPT = Path(__file__).with_name("bigquery_types.py")

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
"""A profile with a token, which is never used, so that dbt does not look for one."""


TYPES = {
    "text": "string",
    "integer": "int64",
    "bigint": "int64",
    "float": "float64",
    "double": "float64",
    "boolean": "bool",
}
"""BigQuery's names of types in contracts and datasets, where they differ."""

SOURCES = {
    "raw": {
        "taxi_zone_lookup": {
            "locationid": "int64",
            "borough": "string",
            "zone": "string",
            "service_zone": "string",
        },
    },
    "ops": {
        "file_ledger": {
            "id": "int64",
            "dataset": "string",
            "month": "date",
            "outcome": "string",
            "rows_loaded": "int64",
        },
    },
}

SEEDS = {
    "vendor_lookup": ("vendor_id", "vendor_name"),
    "payment_type_lookup": ("payment_type", "payment_type_description"),
    "rate_code_lookup": ("rate_code_id", "rate_code_description"),
    "trip_type_lookup": ("trip_type", "trip_type_description"),
}


@pytest.fixture(scope="module")
def compiled_in(tmp_path_factory: pytest.TempPathFactory, dbt_program: str) -> Path:
    """The folder of dbt's artifacts."""
    folder: Path = tmp_path_factory.mktemp("bigquery")
    (folder / "profiles.yml").write_text(PROFILE)
    own = dbt.environment(environment(), folder) | {"DBT_PROFILES_DIR": str(folder)}
    done = subprocess.run(
        (
            dbt_program, "compile", "--profile", "bigquery", "--no-populate-cache", "--no-introspect",
            "--vars", "{months: [green 2021-01, 2021-02]}",
        ),
        env=own,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return folder / "target"


@pytest.fixture(scope="module")
def compiled(compiled_in: Path) -> dict[str, str]:
    """Every statement, by the name of its file."""
    return {path.stem: path.read_text() for path in (compiled_in / "compiled").rglob("*.sql")}


@pytest.fixture(scope="module")
def contracts(compiled_in: Path) -> dict[str, dict[str, dict[str, str]]]:
    """The columns that each model promises, with their types in BigQuery, by schema and model."""
    nodes = json.loads((compiled_in / "manifest.json").read_text())["nodes"].values()
    promised: dict[str, dict[str, dict[str, str]]] = {}
    for node in nodes:
        if node["resource_type"] == "model":
            columns = {name: column["data_type"] for name, column in node["columns"].items()}
            promised.setdefault(node["schema"], {})[node["name"]] = {
                name: TYPES.get(type_, type_) for name, type_ in columns.items()
            }
    return promised


def raw_tables() -> dict[str, dict[str, str]]:
    """Return the columns of the raw trips, with their types in BigQuery."""
    own = {"file_month": "date", "filename": "string", "row_number": "int64", "unmapped": "json"}
    return {
        dataset.table: own
        | {
            column.name: "datetime" if column.type == "timestamp" else TYPES[column.type]
            for column in dataset.columns
        }
        for dataset in map(get_dataset, dataset_names())
    }


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


def test_every_model_keeps_its_contract_on_bigquery(
    compiled: dict[str, str], contracts: dict[str, dict[str, dict[str, str]]]
) -> None:
    promised = {name: columns for models in contracts.values() for name, columns in models.items()}
    seeds = {name: dict(zip(columns, ("int64", "string"), strict=True)) for name, columns in SEEDS.items()}
    schemas = contracts | {
        "raw": SOURCES["raw"] | raw_tables(),
        "ops": SOURCES["ops"] | contracts["ops"],
        "staging": contracts["staging"] | seeds,
    }
    asked = {
        "tables": {"no-project": schemas},
        "statements": {name: compiled[name] for name in promised},
    }
    done = subprocess.run(
        (Path(dbt.program()).with_name("python"), SCRIPT),
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == promised


def test_bigquerys_own_expressions_are_used(compiled: dict[str, str]) -> None:
    assert "date_trunc(cast(pickup_datetime as date), month)" in compiled["int_trips"]
    assert "to_hex(md5(" in compiled["int_trips"]
    assert "datetime_diff(dropoff_datetime, pickup_datetime, second)" in compiled["int_fhv_trips"]
    assert "when unmapped is not null then to_json_string(unmapped) end" in compiled["stg_green_tripdata"]
    assert 'format("%\'d", trips)' in compiled["int_quality"]
    assert not [name for name, statement in compiled.items() if " as text)" in statement]


def test_months_are_constants_so_that_partitions_are_pruned(compiled: dict[str, str]) -> None:
    for name in (
        "int_trips",
        "int_fhv_trips",
        "int_fhvhv_trips",
        "int_quality",
        "fct_trips",
        "fct_fhv_trips",
        "fct_fhvhv_trips",
        "int_zone_revenue",
        "built_months",
    ):
        assert "where file_month in (date '2021-01-01', date '2021-02-01')" in " ".join(
            compiled[name].split()
        )
