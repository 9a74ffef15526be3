"""The DAG that builds the marts, with a real dbt on a real warehouse."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest

from local.environment import CHECKOUT
from nyc_taxi import settings
from nyc_taxi.errors import DataTestFailed, TransientError
from nyc_taxi.hooks.dbt import docs_page, resolve_work
from nyc_taxi.operators.dbt import DbtOperator
from nyc_taxi.samples.file import write_lookup
from tests.dags.conftest import ROWS, states

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow.models.dagrun import DagRun
    from airflow.sdk import Context

    from tests.file_server import FileServer

DONE = {"resolve_months": "success", "load_zones": "success", "dbt": "success", "publish_docs": "success"}
NOTHING = {**DONE, "dbt": "skipped", "publish_docs": "skipped"}


@pytest.fixture(autouse=True)
def dbt_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: FileServer, dbt_program: str) -> None:
    """dbt's program, folders of this test's own, and a zone lookup to be loaded."""
    monkeypatch.setattr(settings, "DBT_PROGRAM", dbt_program)
    monkeypatch.setattr(settings, "DBT_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setattr(settings, "DBT_DOCS", (tmp_path / "docs").as_uri())
    write_lookup(tmp_path / "zones.csv")
    files.put("misc/taxi_zone_lookup.csv", (tmp_path / "zones.csv").read_bytes())


MEASURED = "select count(distinct q.attempt_id) from ops.quality_result as q where q.measured_by = 'dbt'"

OUTAGE = """
    create function outage() returns event_trigger language plpgsql as $$
    begin
        if current_query() like '%fct_trips%' then raise exception 'The disk is full.'; end if;
    end $$;
    create event trigger outage on ddl_command_start execute function outage();
"""
"""Fails whatever builds ``fct_trips``, until it is dropped."""

WITHOUT_MODELS = """
    insert into ops.file_ledger (
        dataset, month, outcome, source, url, run_id, rows_in_file, rows_loaded, rows_rejected
    )
    values ('shuttle', '2021-01-01', 'published', 's', 'u', 'r', 0, 0, 0)
"""

ERRORS = """
    select to_char(q.month, 'YYYY-MM'), q.check_name, q.value, q.threshold
    from ops.quality_result as q
    where q.measured_by = 'dbt' and q.outcome = 'error'
    order by q.check_name
"""


def context(try_number: int) -> Context:
    return cast("Context", {"run_id": "manual__1", "ti": SimpleNamespace(try_number=try_number)})


def rows(uri: str, statement: str) -> list[Any]:
    with psycopg.connect(uri) as connection:
        return connection.execute(statement).fetchall()


def test_months_that_arrived_are_built_once_and_described(
    connections: None,
    publish: Callable[..., None],
    run_dag: Callable[..., DagRun],
    warehouse_uri: str,
) -> None:
    for month in ("2021-02", "2021-01"):
        publish("green", month)
        assert run_dag("green_postgres", month=month).state == "success"

    assert states(run_dag("transform_postgres")) == DONE
    built = rows(
        warehouse_uri,
        "select dataset, to_char(file_month, 'YYYY-MM') from ops.built_months order by 2",
    )
    assert built == [("green", "2021-01"), ("green", "2021-02")]
    ((trips,),) = rows(warehouse_uri, "select count(*) from marts.fct_trips")
    assert 1.8 * ROWS < trips <= 2 * ROWS
    assert rows(warehouse_uri, MEASURED) == [(2,)]
    assert rows(warehouse_uri, "select count(*) from raw.taxi_zone_lookup") == [(265,)]
    assert "fct_monthly_zone_revenue" in docs_page("transform_postgres").read_text(encoding="utf-8")

    with psycopg.connect(warehouse_uri) as connection:
        connection.execute(WITHOUT_MODELS)
    assert states(run_dag("transform_postgres")) == NOTHING
    assert rows(warehouse_uri, "select dataset, reason from ops.stale_months") == [("shuttle", "no models")]

    publish("green", "2021-01", edition=2)
    run_dag("green_postgres", month="2021-01")
    assert states(run_dag("transform_postgres", command="run", select="+fct_trips")) == DONE
    seen = """
        select count(*)
        from marts.fct_trips
        inner join ops.file_ledger on attempt_id = id
        where outcome = 'published'
    """
    assert rows(warehouse_uri, seen) == rows(warehouse_uri, "select count(*) from marts.fct_trips")


def test_what_is_no_selection_never_reaches_dbt(
    connections: None, run_dag: Callable[..., DagRun], tmp_path: Path
) -> None:
    run = run_dag("transform_postgres", select="--target dev; touch /tmp/x")

    assert run.state == "failed"
    assert states(run)["resolve_months"] == "failed"
    assert not (tmp_path / "artifacts").exists()


def test_a_bad_green_month_keeps_a_good_yellow_one_in_even_in_a_retry_and_its_failing_checks_are_kept(
    connections: None,
    publish: Callable[..., None],
    run_dag: Callable[..., DagRun],
    warehouse_uri: str,
) -> None:
    publish("green", "2021-01")
    run_dag("green_postgres", month="2021-01")
    with psycopg.connect(warehouse_uri) as connection:
        connection.execute("update raw.green_tripdata set total_amount = null")

    run = run_dag("transform_postgres")

    assert run.state == "failed"
    assert states(run)["dbt"] == "failed"
    assert rows(warehouse_uri, ERRORS) == [
        ("2021-01", "most_trips_cost_something", 1, "at most 20%"),
        ("2021-01", "nearly_all_trips_have_a_total", 1, "at most 1%"),
    ]

    publish("yellow", "2021-01")
    run_dag("yellow_postgres", month="2021-01")
    with psycopg.connect(warehouse_uri) as connection:
        connection.execute(OUTAGE)
    form = {"command": "build", "months": None, "full_refresh": False, "select": None, "target": "prod"}
    task = DbtOperator(target="postgres", task_id="dbt", work=resolve_work(form, "postgres"))
    with pytest.raises(TransientError, match="The disk is full"):
        task.execute(context(1))
    with psycopg.connect(warehouse_uri) as connection:
        connection.execute("drop event trigger outage")
    with pytest.raises(DataTestFailed) as caught:
        task.execute(context(2))

    said = str(caught.value)
    assert said.startswith("green 2021-01, most_trips_cost_something (error): ")
    assert "trips have no total. Allowed: at most 1%. The marts keep their previous content" in said
    assert said.endswith("The other 1 of 2 months were built.")
    assert "Got 1 result" not in said
    assert rows(warehouse_uri, "select distinct dataset from ops.built_months") == [("yellow",)]
    assert rows(warehouse_uri, "select distinct dataset from marts.fct_trips") == [("yellow",)]
    assert rows(warehouse_uri, MEASURED) == [(2,)]


def test_a_pod_without_airflows_database_builds_what_is_stale(
    connections: None,
    publish: Callable[..., None],
    run_dag: Callable[..., DagRun],
    warehouse_uri: str,
    dbt_program: str,
    tmp_path: Path,
) -> None:
    publish("green", "2021-01")
    run_dag("green_postgres", month="2021-01")
    run_dag("zones_postgres")
    profiles = tmp_path / "profiles" / "profiles.yml"
    profiles.parent.mkdir()
    profiles.write_bytes((CHECKOUT / "dbt_project" / "profiles.yml").read_bytes())
    parts = psycopg.conninfo.conninfo_to_dict(warehouse_uri)
    (tmp_path / "password").write_text(f"{parts['password']}\n")
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME")},
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://nobody@127.0.0.1:1/nothing",
        "AIRFLOW__NYC_TAXI__DBT_ARTIFACTS": str(tmp_path / "artifacts"),
        "AIRFLOW__NYC_TAXI__DBT_PROGRAM": dbt_program,
        "DBT_PROFILES_DIR": str(profiles.parent),
        "NYC_TAXI_WAREHOUSE_HOST": str(parts["host"]),
        "NYC_TAXI_WAREHOUSE_PORT": str(parts["port"]),
        "NYC_TAXI_WAREHOUSE_USER": str(parts["user"]),
        "NYC_TAXI_WAREHOUSE_DATABASE": str(parts["dbname"]),
        "NYC_TAXI_WAREHOUSE_PASSWORD_FILE": str(tmp_path / "password"),
    }

    def transform() -> subprocess.CompletedProcess[str]:
        command = (
            sys.executable,
            "-m",
            "nyc_taxi.deploy",
            "transform",
            CHECKOUT / "include/bootstrap",
            "build",
        )
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    first = transform()
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Building green 2021-01." in first.stdout
    assert re.search(r"^fct_trips +success ", first.stdout, re.MULTILINE)
    assert rows(warehouse_uri, "select dataset from ops.built_months") == [("green",)]
    assert rows(warehouse_uri, MEASURED) == [(1,)]
    assert transform().stdout.endswith("Every month of the ledger is already built.\n")

    with psycopg.connect(warehouse_uri) as connection:
        connection.execute("update raw.green_tripdata set total_amount = null")
        connection.execute("drop table ops.built_months cascade")
    bad = transform()
    assert bad.returncode == 1
    assert bad.stderr.startswith("green 2021-01, ")
    assert "Traceback" not in bad.stderr
