"""``airflow taxi config`` as a user calls it: what is in force, and where it comes from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.configuration import ensure_secrets_loaded
from airflow.models.connection import Connection
from airflow.utils.session import create_session
from sqlalchemy import delete

from tests.cli.taxi import run

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "hunter2"
VAULT = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
DAGS = Path(__file__).parents[2] / "dags"


@pytest.fixture(autouse=True)
def _own_dags(airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(DAGS))


@pytest.fixture
def in_database() -> Iterator[None]:
    """The warehouse's connection in Airflow's database."""
    with create_session() as session:
        session.add(Connection(conn_id="postgres_taxi", uri=f"postgresql://taxi:{PASSWORD}@base/taxi"))
    yield
    with create_session() as session:
        session.execute(delete(Connection))


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[Any, str]]:
    """Return what the command shows: value and origin by name."""
    capsys.readouterr()
    assert run("config -o json") == 0
    said = capsys.readouterr()
    assert PASSWORD not in said.out + said.err
    return {row["name"]: (row["value"], row["origin"]) for row in json.loads(said.out)}


def test_every_layer_is_shown_with_values_and_origins(capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys)

    assert found["retries"][0] == 3
    assert found["green.on_missing"][0] == "null"
    assert found["transform_postgres.target"] == ("prod", str(DAGS / "transform_postgres.py"))
    assert found["green_postgres.force"][0] is False
    assert found["getting_started.columns_to_keep"][0] == ["brand", "price"]


def test_a_connection_is_found_where_airflow_finds_it(
    in_database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(capsys)["postgres_taxi.host"] == ("base", "Airflow's database")

    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", f"postgresql://taxi:{PASSWORD}@environment/taxi")
    assert shown(capsys)["postgres_taxi.host"] == ("environment", "AIRFLOW_CONN_POSTGRES_TAXI")

    secrets = tmp_path / "connections.json"
    secrets.write_text(json.dumps({"postgres_taxi": f"postgresql://taxi:{PASSWORD}@vault/taxi"}))
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", VAULT)
    monkeypatch.setenv(
        "AIRFLOW__SECRETS__BACKEND_KWARGS", json.dumps({"connections_file_path": str(secrets)})
    )
    assert shown(capsys)["postgres_taxi.host"] == ("vault", f"secrets backend {VAULT}")
    assert Connection.get_connection_from_secrets("postgres_taxi").host == "vault"


def test_a_backend_that_fails_is_named_and_passed_over(
    in_database: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", f"postgresql://taxi:{PASSWORD}/x@environment/taxi")

    assert run("config -o json") == 1
    said = capsys.readouterr()
    found = {row["name"]: row for row in json.loads(said.out)}
    assert found["postgres_taxi.host"]["value"] == "base"
    assert said.err.splitlines()[-2:] == [
        "The connection postgres_taxi cannot be read from AIRFLOW_CONN_POSTGRES_TAXI. Correct it there.",
        f"1 of {len(found)} settings cannot be used as they are.",
    ]
    assert PASSWORD not in said.out + said.err
    assert len(ensure_secrets_loaded()) == 2


def test_it_works_without_a_database_and_with_a_setting_that_stops_every_dag(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("[nyc_taxi]\nowner = me\n")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "airflow", "taxi", "config", "-o", "json"],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://x:{PASSWORD}@127.0.0.1:1/x",
            "AIRFLOW__NYC_TAXI__RETRIES": "often",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    found = {row["name"]: (row["value"], row["origin"]) for row in json.loads(done.stdout)}
    assert found["owner"] == ("me", str(tmp_path / "airflow.cfg"))
    assert found["retries"] == ("often", "AIRFLOW__NYC_TAXI__RETRIES")
    assert found["postgres_taxi"][0] is None
    assert found["postgres_taxi"][1].startswith("not found; Airflow's database was not asked: ")
    why = (
        "[nyc_taxi] retries has to be a whole number from 0 to 2,147,483,647, and is 'often'. Correct it in "
        "AIRFLOW__NYC_TAXI__RETRIES: until then no DAG can be read."
    )
    told = done.stderr.splitlines()
    assert why in told
    unread = f"{DAGS / 'green_postgres.py'} cannot be read: nyc_taxi.errors.InvalidSetting: {why}"
    assert unread in told


@pytest.mark.parametrize("line", ["show green 2021-01", "load green 2021-01"])
def test_any_other_command_ends_with_the_setting_that_cannot_be_used(line: str, tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("[nyc_taxi]\nmax_active_runs = 0\n")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "airflow", "taxi", *line.split()],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "[nyc_taxi] max_active_runs has to be a whole number from 1 to 2,147,483,647, and is '0'. "
        f"Correct it in {tmp_path / 'airflow.cfg'}: until then no DAG can be read.\n"
    )
