"""The DAGs of the checkout, run in this process against a real warehouse and a real file server."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nyc_taxi.core.month import MonthRange
from nyc_taxi.samples import write_sample
from tests.airflow_warnings import let_airflows_own_pass
from tests.file_server import FileServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.dag_processing.dagbag import DagBag
    from airflow.models.dagrun import DagRun

CHECKOUT = Path(__file__).parents[2]
ROWS = 400
"""Rows of every sample month."""

os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(CHECKOUT / "dags")
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(CHECKOUT / "plugins")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let Airflow's own warnings pass."""
    let_airflows_own_pass(items, Path(__file__).parent)


@pytest.fixture
def dag_bag(airflow_database: None) -> DagBag:
    """All DAGs of the checkout, whose tasks are not tried again: a test does not wait for that.

    They are read anew for every test, because ``dag.test`` leaves a run's parameters in the DAG.
    """
    from airflow.dag_processing.dagbag import DagBag

    from nyc_taxi import settings

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "RETRIES", 0)
        return DagBag(dag_folder=CHECKOUT / "dags")


@pytest.fixture
def files() -> Iterator[FileServer]:
    """A file server with nothing on it."""
    with FileServer() as server:
        yield server


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make the DAGs take their files from a source list."""

    def use(sources: str) -> None:
        connection = {"conn_type": "nyc_tlc", "extra": {"sources": sources}}
        monkeypatch.setenv("AIRFLOW_CONN_NYC_TLC_DEFAULT", json.dumps(connection))

    return use


@pytest.fixture
def warehouse_uri(empty_warehouse_uri: str) -> str:
    """These DAGs are the first to use their warehouse."""
    return empty_warehouse_uri


@pytest.fixture
def connections(
    monkeypatch: pytest.MonkeyPatch, files: FileServer, source: Callable[[str], None], warehouse_uri: str
) -> None:
    """The connections of the DAGs, to this test's file server and warehouse."""
    source(files.url)
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", warehouse_uri)
    monkeypatch.setenv("AIRFLOW_CONN_PRODUCTS_API", files.url)


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with editions 1 and 2 of three sample months, in folders of those names."""
    folder = tmp_path_factory.mktemp("samples")
    for edition in (1, 2):
        write_sample(MonthRange.parse("2021-01..2021-03"), ROWS, folder / str(edition), edition=edition)
    return folder


@pytest.fixture
def publish(samples: Path, files: FileServer) -> Callable[..., None]:
    """Publish a sample month on the file server."""

    def put(dataset: str, month: str, *, edition: int = 1, of: str | None = None) -> None:
        content = (samples / str(edition) / dataset / f"{dataset}_tripdata_{of or month}.csv.gz").read_bytes()
        files.put(f"{dataset}/{dataset}_tripdata_{month}.csv.gz", content)

    return put


@pytest.fixture(scope="session")
def synced_dags() -> set[frozenset[str]]:
    """The sets of DAGs that have been written to Airflow's database."""
    return set()


@pytest.fixture
def run_dag(
    dag_bag: DagBag, synced_dags: set[frozenset[str]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., DagRun]]:
    """Run a DAG to its end, as ``airflow dags test`` does, but write the DAGs to the database only once."""
    from airflow.dag_processing import dagbag

    sync = dagbag.sync_bag_to_db

    def sync_once(bag: DagBag, bundle: str, version: str | None) -> None:
        if (dags := frozenset(bag.dags)) not in synced_dags:
            synced_dags.add(dags)
            sync(bag, bundle, version)

    monkeypatch.setattr(dagbag, "sync_bag_to_db", sync_once)
    # A task that runs in this process leaves its handler behind, which keeps SIGTERM from ending pytest.
    handler = signal.getsignal(signal.SIGTERM)

    def run(dag_id: str, **conf: Any) -> DagRun:
        finished: DagRun = dag_bag.dags[dag_id].test(logical_date=None, run_conf=conf)
        return finished

    yield run
    signal.signal(signal.SIGTERM, handler)


def states(run: DagRun) -> dict[str, str]:
    """Return the state of every task of a run, by its name and index."""
    return {
        task.task_id + (f"[{task.map_index}]" if task.map_index >= 0 else ""): str(task.state)
        for task in run.get_task_instances()
    }


def note(run: DagRun) -> str:
    """Return a run's note as it is in the database."""
    from airflow.models.dagrun import DagRunNote
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        found = session.get(DagRunNote, run.id)
        return found.content or "" if found else ""


def asset_events(run: DagRun) -> list[tuple[str | None, dict[str, Any]]]:
    """Return the partition key and the extra of every asset event of a run."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session(scoped=False) as session:
        events = session.scalars(
            select(AssetEvent).where(AssetEvent.source_run_id == run.run_id).order_by(AssetEvent.id)
        )
        return [(event.partition_key, event.extra) for event in events]
