"""What the doctor and init find wrong with a deployment; no component of it runs here."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from airflow.jobs.job import Job
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.errors import ParseImportError
from airflow.models.pool import Pool
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from kubernetes.client import ApiException
from sqlalchemy import create_engine, delete, update
from sqlalchemy.orm import Session

from nyc_taxi import deployment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("dags")

KNOWN = ("green_postgres", "yellow_postgres")
ALL = (
    *(f"{name}_postgres" for name in ("fhv", "fhvhv", "green", "recheck", "taxi", "transform", "yellow")),
    "zones_postgres",
)
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
        session.execute(delete(DagModel).where(DagModel.dag_id.in_(ALL)))
        session.execute(delete(ParseImportError))
        session.execute(delete(Pool).where(Pool.pool == "postgres_load"))


@pytest.fixture
def healthy(known_dags: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every DAG, every component, the pool and dbt."""
    monkeypatch.setenv("AIRFLOW__NYC_TAXI__DBT_PROGRAM", sys.executable)
    with create_session() as session:
        for dag_id in set(ALL) - set(KNOWN):
            model = DagModel(dag_id=dag_id, bundle_name="dags-folder")  # type: ignore[no-untyped-call]
            model.relative_fileloc, model.is_paused, model.is_stale = "ingest.py", False, False
            session.add(model)
        session.execute(update(DagModel).values(is_paused=False))
        for kind in deployment.COMPONENTS:
            job = Job(job_type=kind, state="running")  # type: ignore[no-untyped-call]
            job.latest_heartbeat = datetime.now(UTC)
            session.add(job)
        session.add(Pool(pool="postgres_load", slots=4, include_deferred=False))
    yield
    with create_session() as session:
        session.execute(delete(Job))
        session.execute(update(Pool).where(Pool.pool == "default_pool").values(slots=128))


def paused(*dag_ids: str) -> None:
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id.in_(dag_ids)).values(is_paused=True))


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
    assert shown["component"][1][1].startswith("No triggerer is running. Start one (airflow triggerer): ")
    ((pool, to_do),) = shown["pool"]  # default_pool is there
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


@pytest.mark.usefixtures("healthy")
def test_a_healthy_deployment_has_no_findings_and_a_paused_dag_alone_is_none() -> None:
    assert found() == {}
    paused("green_postgres", "recheck_postgres")
    assert found() == {}


@pytest.mark.usefixtures("healthy")
def test_a_paused_dag_that_another_one_starts_is_found() -> None:
    with create_session() as session:
        session.add(DagRun("green_postgres", run_id="loaded", run_type="manual", state=DagRunState.SUCCESS))
    paused("green_postgres", "yellow_postgres", "transform_postgres")
    assert found() == {
        "paused DAG": [
            (
                "green_postgres",
                "recheck_postgres starts it for a republished month, and fails while it is paused. "
                "Unpause it: airflow dags unpause green_postgres",
            ),
            (
                "transform_postgres",
                "Months that fhv_postgres loads start it, and do not reach the marts while it is paused. "
                "Unpause it: airflow dags unpause transform_postgres",
            ),
        ]
    }


@pytest.mark.usefixtures("healthy")
def test_a_component_whose_heartbeat_is_old_and_a_pool_without_slots_are_found() -> None:
    with create_session() as session:
        session.execute(
            update(Job)
            .where(Job.job_type == "TriggererJob")
            .values(latest_heartbeat=datetime.now(UTC) - timedelta(hours=1))
        )
        session.execute(update(Pool).where(Pool.pool == "default_pool").values(slots=0))
    shown = found()
    assert set(shown) == {"component", "pool"}
    assert [where for where, _ in shown["component"]] == ["triggerer"]
    assert shown["pool"] == [
        (
            "default_pool",
            "The pool default_pool has no slots, so tasks that use it never start. "
            "Create it: airflow pools set default_pool 128 'Default pool'",
        )
    ]


@pytest.mark.usefixtures("healthy")
def test_pods_that_cannot_be_listed_are_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    from nyc_taxi.pods import report

    def refused(dag_id: str | None) -> list[tuple[str, str]]:
        raise ApiException(status=403, reason="Forbidden")

    monkeypatch.setattr(deployment, "tasks_are_pods", lambda: True)
    monkeypatch.setattr(report, "waiting_pods", refused)
    ((where, to_do),) = found()["pod"]
    assert where == "pods of tasks"
    assert to_do.startswith("They could not be listed: Forbidden. Run the doctor in the scheduler's pod")


def test_a_metadata_database_that_does_not_answer_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/nothing")

    @contextmanager
    def unreachable() -> Iterator[Session]:
        with Session(closed) as session:
            yield session

    monkeypatch.setattr(deployment, "create_session", unreachable)
    ((where, to_do),) = found()["metadata database"]
    assert where == "Airflow"
    assert "Connection refused" in to_do
    assert to_do.endswith("`airflow db check` asks it again.")
    monkeypatch.setattr(deployment, "create_session", lambda: Session(create_engine("sqlite://")))
    assert found() == {}  # never set up: Airflow is used for its commands alone


@pytest.mark.usefixtures("known_dags")
def test_an_import_error_of_these_dags_is_found_and_of_no_others() -> None:
    with create_session() as session:
        for name, trace in (("ingest.py", TRACE), ("other.py", "NameError: name 'x' is not defined")):
            session.add(ParseImportError(filename=name, bundle_name="dags-folder", stacktrace=trace))
    ((file, to_do),) = found()["import error"]
    assert file == "ingest.py"
    assert to_do.startswith("ContractError: [nyc_taxi] retries must be a whole number.")
