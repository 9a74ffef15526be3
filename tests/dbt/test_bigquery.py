"""What dbt compiles for BigQuery: types that keep the contracts, and no statement that reads other months."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local import dbt
from nyc_taxi.core.dataset import dataset_names, get_dataset

SCRIPT = Path(__file__).with_name("bigquery_statements.py")

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


VIEWS = {
    "stg_green_tripdata",
    "stg_yellow_tripdata",
    "stg_fhv_tripdata",
    "stg_fhvhv_tripdata",
    "int_trips_unioned",
}
"""What reads trips of all months when somebody asks for them."""

TRIPS = {
    *VIEWS,
    *(f"{dataset}_tripdata" for dataset in ("green", "yellow", "fhv", "fhvhv")),
    *("int_trips", "int_fhv_trips", "int_fhvhv_trips", "int_quality"),
    *("fct_trips", "fct_fhv_trips", "fct_fhvhv_trips"),
}
"""Tables and views with a row per trip, and the checks of each month."""


@pytest.fixture(scope="module")
def compiled_in(tmp_path_factory: pytest.TempPathFactory, dbt_program: str) -> Path:
    """The folder of dbt's artifacts."""
    folder: Path = tmp_path_factory.mktemp("bigquery")
    return dbt.compile_for_bigquery(folder, ["green 2021-01", "2021-02"], dbt_program).parent


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


@pytest.fixture(scope="module")
def seen(
    compiled: dict[str, str], contracts: dict[str, dict[str, dict[str, str]]]
) -> dict[str, dict[str, Any]]:
    """What the script finds in the statements."""
    seeds = {name: dict(zip(columns, ("int64", "string"), strict=True)) for name, columns in SEEDS.items()}
    schemas = contracts | {
        "raw": SOURCES["raw"] | raw_tables(),
        "ops": SOURCES["ops"] | contracts["ops"],
        "staging": contracts["staging"] | seeds,
    }
    asked = {
        "tables": {"no-project": schemas},
        "models": [name for models in contracts.values() for name in models],
        "statements": compiled,
    }
    done = subprocess.run(
        (Path(dbt.program()).with_name("python"), SCRIPT),
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def test_every_model_keeps_its_contract_on_bigquery(
    seen: dict[str, dict[str, Any]], contracts: dict[str, dict[str, dict[str, str]]]
) -> None:
    assert seen["types"] == {
        name: columns for models in contracts.values() for name, columns in models.items()
    }


def test_trips_of_other_months_are_never_read(seen: dict[str, dict[str, Any]]) -> None:
    """Months are constants next to the table, so that BigQuery reads, and bills, no other partition."""
    whole = {name: set(tables) & TRIPS for name, tables in seen["read_whole"].items()}
    assert {name for name, tables in whole.items() if tables} == VIEWS
    assert seen["read_whole"]["fct_monthly_zone_revenue"] == ["dim_zones", "int_zone_revenue"]
    assert seen["read_whole"]["fct_trips"] == ["dim_payment_types", "dim_zones"]


def test_no_statement_names_a_partition_or_an_external_table(compiled: dict[str, str]) -> None:
    for name, statement in compiled.items():
        assert "$" not in statement, name
        assert "external" not in statement.lower(), name


def test_bigquerys_own_expressions_are_used(compiled: dict[str, str]) -> None:
    assert "date_trunc(cast(pickup_datetime as date), month)" in compiled["int_trips"]
    assert "to_hex(md5(" in compiled["int_trips"]
    assert "datetime_diff(dropoff_datetime, pickup_datetime, second)" in compiled["int_fhv_trips"]
    assert "when unmapped is not null then to_json_string(unmapped) end" in compiled["stg_green_tripdata"]
    assert 'format("%\'d", trips)' in compiled["int_quality"]
    assert not [name for name, statement in compiled.items() if " as text)" in statement]
