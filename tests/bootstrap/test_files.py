"""What the bootstrap folder's files mean, filled in from the environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.deploy.entry import CONNECTION, POOL, VARIABLE, Content, Entry
from nyc_taxi.deploy.wanted import read_wanted
from nyc_taxi.errors import BootstrapFailed
from nyc_taxi.targets import TARGETS
from tests.bootstrap.conftest import FILES

if TYPE_CHECKING:
    from pathlib import Path


def connections(**environment: str) -> dict[str, Content]:
    wanted, _ = read_wanted(FILES, environment)
    return {entry.name: content for entry, content in wanted.items() if entry.kind == CONNECTION}


def left_out(**environment: str) -> str:
    return "\n".join(read_wanted(FILES, environment)[1])


def refusal(folder: Path, **environment: str) -> str:
    with pytest.raises(BootstrapFailed) as refused:
        read_wanted(folder, environment)
    return str(refused.value)


def test_without_settings_the_sources_are_the_public_ones() -> None:
    filled = connections()
    assert filled["nyc_tlc_default"]["extra"] == {"sources": "mirror, tlc"}
    assert filled["products_api"]["host"].startswith("https://")


def test_a_warehouse_that_is_not_named_is_left_to_other_means() -> None:
    assert "postgres_taxi" not in connections()
    assert "Connection postgres_taxi is left out: NYC_TAXI_WAREHOUSE_HOST is not set." in left_out()


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert "postgres_taxi" not in connections(NYC_TAXI_WAREHOUSE_HOST="")
    assert connections(NYC_TAXI_SOURCES="")["nyc_tlc_default"]["extra"] == {"sources": "mirror, tlc"}


def test_google_cloud_is_there_once_its_project_is_named() -> None:
    assert "google_cloud_default" not in connections()
    google = connections(NYC_TAXI_GCP_PROJECT="taxis")["google_cloud_default"]
    assert google["conn_type"] == "google_cloud_platform"
    assert google["extra"] == {"project": "taxis"}


def test_no_value_changes_the_structure() -> None:
    password = 'a"b: {c}, #d\n${HOME}'
    filled = connections(NYC_TAXI_WAREHOUSE_HOST="db", NYC_TAXI_WAREHOUSE_PASSWORD=password)
    assert filled["postgres_taxi"]["password"] == password
    assert filled["postgres_taxi"]["host"] == "db"
    assert filled["postgres_taxi"]["port"] == 5432


@pytest.mark.parametrize(
    ("content", "value"), [("pw", "pw"), ("pw\n", "pw"), ("pw\r\n", "pw"), ("p w\n\n", "p w\n")]
)
def test_a_secret_comes_from_a_file_without_its_last_line_end(
    content: str, value: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(content.encode())
    filled = connections(NYC_TAXI_WAREHOUSE_HOST="db", NYC_TAXI_WAREHOUSE_PASSWORD_FILE=str(secret))
    assert filled["postgres_taxi"]["password"] == value


def test_a_secret_file_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    message = refusal(
        FILES, NYC_TAXI_WAREHOUSE_HOST="db", NYC_TAXI_WAREHOUSE_PASSWORD_FILE=str(tmp_path / "no")
    )
    assert "which NYC_TAXI_WAREHOUSE_PASSWORD_FILE names, cannot be read: No such file" in message


def test_a_value_and_a_file_for_it_contradict_each_other(tmp_path: Path) -> None:
    message = refusal(FILES, NYC_TAXI_SOURCES="tlc", NYC_TAXI_SOURCES_FILE=str(tmp_path / "no"))
    assert message.startswith("Both NYC_TAXI_SOURCES and NYC_TAXI_SOURCES_FILE are set.")


def test_a_port_that_is_no_number_is_refused_without_being_quoted() -> None:
    message = refusal(FILES, NYC_TAXI_WAREHOUSE_HOST="db", NYC_TAXI_WAREHOUSE_PORT="hunter2")
    assert message.startswith("The connection postgres_taxi has a port that is no number")
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("connections.yaml", "a: {conn_type: http, pasword: hunter2}", "The connection a needs conn_type"),
        ("connections.yaml", "a: [hunter2", "is not YAML at line 1"),
        ("connections.yaml", "a: hunter2", "The connection a needs conn_type"),
        ("connections.yaml", "- hunter2", "has to map names to entries"),
        ("connections.yaml", "a: {conn_type: http, extra: [hunter2]}", "The extra of the connection a"),
        ("pools.json", '{"p": {"slot": "hunter2"}}', "The pool p needs slots"),
        ("variables.json", '{"v": hunter2}', "is not JSON at line 1"),
        ("variables.json", '{"nyc_taxi_bootstrap": "hunter2"}', "is init's own"),
    ],
)
def test_a_file_that_is_wrong_is_one_sentence_without_its_content(
    name: str, text: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    message = refusal(tmp_path)
    assert said in message
    assert "hunter2" not in message


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no").startswith(f"There is no folder {tmp_path / 'no'}.")


def test_variables_are_read_as_airflow_s_own_import_reads_them(tmp_path: Path) -> None:
    described = {"value": {"a": 1}, "description": "why"}
    (tmp_path / "variables.json").write_text(
        json.dumps({"text": "x", "object": {"a": 1}, "described": described})
    )
    wanted, _ = read_wanted(tmp_path, {})
    as_text = json.dumps({"a": 1}, indent=2)
    assert wanted == {
        Entry(VARIABLE, "text"): {"value": "x", "description": None},
        Entry(VARIABLE, "object"): {"value": as_text, "description": None},
        Entry(VARIABLE, "described"): {"value": as_text, "description": "why"},
    }


def test_the_pool_is_the_one_that_the_tasks_use() -> None:
    wanted, _ = read_wanted(FILES, {})
    pools = {entry.name: content for entry, content in wanted.items() if entry.kind == POOL}
    assert list(pools) == [target.pool for target in TARGETS]
    assert not any(pool["include_deferred"] for pool in pools.values())


def test_the_connections_are_the_ones_that_the_hooks_use() -> None:
    from nyc_taxi import settings

    assert set(connections(NYC_TAXI_WAREHOUSE_HOST="db", NYC_TAXI_GCP_PROJECT="p")) == {
        settings.TLC_CONN_ID,
        *(target.conn_id for target in TARGETS),
        settings.PRODUCTS_CONN_ID,
        "google_cloud_default",
    }
