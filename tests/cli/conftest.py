"""An Airflow database that knows a few DAGs and nothing that runs them, and a warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_DAGS = """
from datetime import datetime, timezone
from airflow.sdk import DAG, CronDataIntervalTimetable, CronPartitionTimetable, Param, task

def make(dag_id, schedule, **options):
    with DAG(dag_id, schedule=schedule, start_date=datetime(2009, 1, 1, tzinfo=timezone.utc), **options):
        @task
        def work():
            pass
        work()

monthly = CronDataIntervalTimetable("0 0 1 * *", timezone="UTC")
make("green", monthly, params={"force": Param(False, type="boolean")})
make("yellow", monthly)
make("in_new_york", CronDataIntervalTimetable("0 0 1 * *", timezone="America/New_York"))
make("at_nine", CronDataIntervalTimetable("0 9 1 * *", timezone="UTC"))
make("quarterly", CronDataIntervalTimetable("0 0 1 */3 *", timezone="UTC"))
make("january_only", CronDataIntervalTimetable("0 0 1 1,2 *", timezone="UTC"))
make("hourly", "@hourly")
make("partitioned", CronPartitionTimetable("0 0 1 * *", timezone="UTC"))
make("unscheduled", None)
"""


@pytest.fixture(scope="session")
def _dags(airflow_database: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.utils.session import create_session

    folder: Path = tmp_path_factory.mktemp("dags")
    (folder / "months.py").write_text(_DAGS)
    bag = DagBag(folder, bundle_path=folder, bundle_name="dags-folder")
    if bag.import_errors:
        raise RuntimeError(str(bag.import_errors))
    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)  # type: ignore[no-untyped-call]
    with create_session() as session:
        sync_bag_to_db(bag, "dags-folder", bundle_version=None, session=session)


@pytest.fixture
def dags(_dags: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The DAGs above, unpaused and without runs."""
    from airflow.models.backfill import Backfill, BackfillDagRun
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import delete, update

    # The command says so of its whole process, which here is the test's.
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    with create_session() as session:
        session.execute(update(DagModel).values(is_paused=False))
        for table in (BackfillDagRun, DagRun, Backfill):
            session.execute(delete(table))


@pytest.fixture
def taxi_connection(airflow_database: None, monkeypatch: pytest.MonkeyPatch, warehouse_uri: str) -> None:
    """The connection to the warehouse of this test alone."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", warehouse_uri)
