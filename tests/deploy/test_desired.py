"""What the files of the bootstrap folder mean, filled in from the environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.deploy.desired import read_desired
from nyc_taxi.deploy.last_applied import CONNECTION, POOL, VARIABLE, Fields, Resource
from nyc_taxi.errors import BootstrapFailed
from nyc_taxi.targets import TARGETS
from tests.deploy.conftest import FILES

if TYPE_CHECKING:
    from pathlib import Path


def connections(**environment: str) -> dict[str, Fields]:
    desired, _ = read_desired(FILES, environment)
    return {resource.name: fields for resource, fields in desired.items() if resource.kind == CONNECTION}


def refusal(folder: Path, **environment: str) -> str:
    with pytest.raises(BootstrapFailed) as refused:
        read_desired(folder, environment)
    return str(refused.value)


def test_without_settings_the_sources_are_the_public_ones() -> None:
    filled = connections(NYC_TAXI_SOURCES="")
    assert filled["nyc_tlc_default"]["extra"] == {"sources": "mirror, tlc"}
    assert filled["products_api"]["host"].startswith("https://")


@pytest.mark.parametrize("environment", [{}, {"NYC_TAXI_WAREHOUSE_HOST": ""}])
def test_a_connection_whose_variable_is_not_set_is_skipped(environment: dict[str, str]) -> None:
    desired, skipped = read_desired(FILES, environment)
    assert Resource(CONNECTION, "postgres_taxi") not in desired
    assert "Skipped connection postgres_taxi: NYC_TAXI_WAREHOUSE_HOST is not set." in skipped.values()


def test_no_value_changes_the_structure() -> None:
    password = 'a"b: {c}, #d\n${HOME}'
    filled = connections(NYC_TAXI_WAREHOUSE_HOST="db", NYC_TAXI_WAREHOUSE_PASSWORD=password)["postgres_taxi"]
    assert (filled["password"], filled["host"], filled["port"]) == (password, "db", 5432)


@pytest.mark.parametrize(("content", "value"), [("pw", "pw"), ("pw\r\n", "pw"), ("p w\n\n", "p w\n")])
def test_a_secret_comes_from_a_file_without_its_last_line_break(
    content: str, value: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(content.encode())
    filled = connections(NYC_TAXI_WAREHOUSE_HOST="db", NYC_TAXI_WAREHOUSE_PASSWORD_FILE=str(secret))
    assert filled["postgres_taxi"]["password"] == value


def test_a_secret_file_that_is_missing_or_contradicted_is_named(tmp_path: Path) -> None:
    named = {"NYC_TAXI_SOURCES_FILE": str(tmp_path / "no")}
    assert refusal(FILES, **named).startswith(f"Cannot read {tmp_path / 'no'}: No such file")
    assert refusal(FILES, **named, NYC_TAXI_SOURCES="tlc").startswith("Both NYC_TAXI_SOURCES and ")


def test_an_invalid_port_is_not_quoted() -> None:
    message = refusal(FILES, NYC_TAXI_WAREHOUSE_HOST="db", NYC_TAXI_WAREHOUSE_PORT="hunter2")
    assert message.startswith("Connection postgres_taxi needs a numeric port")
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("connections.yaml", "a: {conn_type: http, pasword: hunter2}", "Connection a needs conn_type"),
        ("connections.yaml", "a: [hunter2", "connections.yaml: ParserError in line 1"),
        ("connections.yaml", "a: hunter2", "Connection a needs conn_type"),
        ("connections.yaml", "- hunter2", "must map names to resources"),
        ("connections.yaml", "a: {conn_type: http, extra: [hunter2]}", "Connection a needs a numeric port"),
        ("pools.json", '{"p": {"slot": "hunter2"}}', "Pool p needs a number of slots"),
        ("variables.json", '{"v": hunter2}', "variables.json: JSONDecodeError in line 1"),
        ("variables.json", '{"nyc_taxi_bootstrap": "hunter2"}', "belongs to init"),
    ],
)
def test_an_invalid_file_is_one_sentence_without_its_content(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    refused = refusal(tmp_path)
    assert message in refused
    assert "hunter2" not in refused


def test_variables_are_read_as_airflow_s_own_import_reads_them(tmp_path: Path) -> None:
    described = {"value": {"a": 1}, "description": "why"}
    (tmp_path / "variables.json").write_text(
        json.dumps({"text": "x", "object": {"a": 1}, "described": described})
    )
    desired, _ = read_desired(tmp_path, {})
    as_text = json.dumps({"a": 1}, indent=2)
    assert desired == {
        Resource(VARIABLE, "text"): {"value": "x", "description": None},
        Resource(VARIABLE, "object"): {"value": as_text, "description": None},
        Resource(VARIABLE, "described"): {"value": as_text, "description": "why"},
    }


def test_the_files_hold_what_the_tasks_use() -> None:
    from nyc_taxi import settings

    bigquery = {"NYC_TAXI_BIGQUERY_PROJECT": "my-project", "NYC_TAXI_BIGQUERY_BUCKET": "my-bucket"}
    desired, _ = read_desired(FILES, {"NYC_TAXI_WAREHOUSE_HOST": "db", **bigquery})
    assert desired.keys() == {
        *(Resource(POOL, target.pool) for target in TARGETS),
        Resource(CONNECTION, settings.TLC_CONN_ID),
        *(Resource(CONNECTION, target.conn_id) for target in TARGETS),
        Resource(CONNECTION, settings.PRODUCTS_CONN_ID),
    }
    assert not any(desired[Resource(POOL, target.pool)]["include_deferred"] for target in TARGETS)


def test_an_empty_setting_is_not_part_of_an_extra() -> None:
    named = {"NYC_TAXI_BIGQUERY_PROJECT": "my-project", "NYC_TAXI_BIGQUERY_BUCKET": "my-bucket"}
    filled = connections(**named)["bigquery_taxi"]
    assert filled["extra"] == {"project": "my-project", "bucket": "my-bucket", "location": "US"}
