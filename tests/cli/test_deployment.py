"""What the doctor and init find wrong with a deployment; no component of it runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.errors import ParseImportError
from airflow.models.pool import Pool
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from sqlalchemy import delete

from nyc_taxi import deployment

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("dags")

KNOWN = ("green_postgres", "yellow_postgres")
TRACE = "Traceback:\n  ...\nContractError: [nyc_taxi] retries must be a whole number."


@pytest.fixture
def known_dags(dags: None) -> Iterator[None]:
    """Two DAGs of this package that Airflow knows, one of them paused."""
    with create_session() as session:
        for dag_id in KNOWN:
            model = DagModel(dag_id=dag_id, bundle_name="dags-folder")  # type: ignore[no-untyped-call]
            model.relative_fileloc = "ingest.py"
            model.is_paused = dag_id == "green_postgres"
            model.is_stale = False
            session.add(model)
    yield
    with create_session() as session:
        session.execute(delete(DagRun))
        session.execute(delete(DagModel).where(DagModel.dag_id.in_(KNOWN)))
        session.execute(delete(ParseImportError))
        session.execute(delete(Pool).where(Pool.pool == "postgres_load"))


def found() -> dict[str, list[tuple[str, str]]]:
    by_kind: dict[str, list[tuple[str, str]]] = {}
    for finding in deployment.findings():
        by_kind.setdefault(finding.what, []).append((finding.where, finding.to_do))
    return by_kind


def test_an_airflow_without_these_dags_is_not_judged() -> None:
    assert deployment.findings() == []


@pytest.mark.usefixtures("known_dags")
def test_what_is_missing_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__NYC_TAXI__DBT_PROGRAM", "/nowhere/dbt")
    shown = found()
    assert [where for where, _ in shown["component"]] == ["scheduler", "triggerer", "dag-processor"]
    assert shown["component"][1][1].startswith("No triggerer is running. Start one: ")
    ((pool, to_do),) = shown["pool"]
    assert pool == "postgres_load"
    assert to_do.startswith("The pool postgres_load does not exist, so tasks that use it never start. ")
    ((missing, _),) = shown["missing DAG"]
    assert {"recheck_postgres", "transform_postgres"} <= set(missing.split(", "))
    assert not set(KNOWN) & set(missing.split(", "))
    assert shown["dbt"] == [
        ("/nowhere/dbt", "This program is not here. Install dbt, or set [nyc_taxi] dbt_program.")
    ]
    assert "paused DAG" not in shown


@pytest.mark.usefixtures("known_dags")
def test_a_paused_dag_is_found_only_when_runs_wait_for_it() -> None:
    assert "paused DAG" not in found()
    with create_session() as session:
        session.add(DagRun("green_postgres", run_id="recheck", run_type="manual", state=DagRunState.QUEUED))
    assert found()["paused DAG"] == [
        ("green_postgres", "1 run waits. Unpause it: airflow dags unpause green_postgres")
    ]


@pytest.mark.usefixtures("known_dags")
def test_an_import_error_of_these_dags_is_found_and_of_no_others() -> None:
    with create_session() as session:
        for name, trace in (("ingest.py", TRACE), ("other.py", "NameError: name 'x' is not defined")):
            session.add(ParseImportError(filename=name, bundle_name="dags-folder", stacktrace=trace))
    ((file, to_do),) = found()["import error"]
    assert file == "ingest.py"
    assert to_do.startswith("ContractError: [nyc_taxi] retries must be a whole number.")
