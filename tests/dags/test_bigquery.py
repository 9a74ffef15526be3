"""The DAGs of a deployment that uses BigQuery, on the emulators."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk.exceptions import TaskDeferred

from nyc_taxi import settings
from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.errors import WarehouseUnreachable
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.stage import stage_month
from nyc_taxi.load.warehouse import Uploading
from nyc_taxi.operators.stage_uploaded import StageUploadedOperator
from nyc_taxi.targets import TARGETS
from nyc_taxi.triggers.load_job import LoadJobTrigger
from tests.dags.conftest import CHECKOUT, states
from tests.trips import fetch, green, published
from tests.waiting import HANGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow.dag_processing.dagbag import DagBag
    from airflow.models.dagrun import DagRun
    from airflow.sdk import Context
    from airflow.triggers.base import TriggerEvent

    from nyc_taxi.bigquery.place import Place
    from nyc_taxi.targets import Target
    from tests.file_server import FileServer
    from tests.google_cloud import GoogleCloud

SUBJECTS = (*dataset_names(), "taxi", "zones", "recheck", "transform")


@pytest.fixture
def dag_bag(airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> DagBag:
    """The DAGs of a deployment with both warehouses."""
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setattr(settings, "TARGETS", TARGETS)
    monkeypatch.setattr(settings, "RETRIES", 0)
    return DagBag(dag_folder=CHECKOUT / "dags")


@pytest.fixture
def connect() -> Iterator[Callable[[Place], None]]:
    """Let the connection name a place."""
    with pytest.MonkeyPatch.context() as patch:

        def connect(place: Place) -> None:
            names = ("project", "bucket", "prefix", "storage_endpoint", "bigquery_endpoint")
            extra = {name: getattr(place, name) for name in names}
            connection = {"conn_type": "nyc_taxi_bigquery", "extra": extra}
            patch.setenv("AIRFLOW_CONN_BIGQUERY_TAXI", json.dumps(connection))

        yield connect


@pytest.fixture
def place(
    google_cloud: GoogleCloud,
    files: FileServer,
    source: Callable[[str], None],
    connect: Callable[[Place], None],
) -> Place:
    """A place that only the connection knows; nothing is there yet."""
    source(files.url)
    place = google_cloud.place()
    connect(place)
    return place


@pytest.fixture
def run_dag(dag_bag: DagBag) -> Iterator[Callable[..., DagRun]]:
    handler = signal.getsignal(signal.SIGTERM)

    def run(dag_id: str, **conf: Any) -> DagRun:
        finished: DagRun = dag_bag.dags[dag_id].test(logical_date=None, run_conf=conf)
        return finished

    yield run
    signal.signal(signal.SIGTERM, handler)


def test_each_warehouse_has_its_own_dags(dag_bag: DagBag) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == {
        "getting_started",
        "setup_gcp",
        *(target.dag_id(subject) for target in TARGETS for subject in SUBJECTS),
    }
    for dag_id, dag in dag_bag.dags.items():
        pools = {task.pool for task in dag.tasks}
        assert dag_id.endswith("_bigquery") == ("bigquery" in dag.tags and dag_id != "setup_gcp")
        assert not (dag_id.endswith("_bigquery") and "postgres_load" in pools), dag_id


def test_a_file_is_uploaded_before_it_is_staged_where_the_warehouse_takes_uploads(dag_bag: DagBag) -> None:
    for target in TARGETS:
        steps = ["wait_for_file", *(["upload"] if target.uploads else []), "stage", "audit", "publish"]
        for dataset in dataset_names():
            dag = dag_bag.dags[target.dag_id(dataset)]
            following = [dag.get_task(step).downstream_task_ids for step in steps]
            assert following == [*({step} for step in steps[1:]), set()]
        assert f"load.{steps[1]}" in dag_bag.dags[target.dag_id("taxi")].task_dict


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_list_of_warehouses_says_which_take_uploads(
    target: Target, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", "postgresql://nowhere/taxi")
    assert isinstance(warehouse(target), Uploading) is target.uploads


def test_the_wait_for_a_load_job_needs_no_worker(
    bigquery_place: Place, connect: Callable[[Place], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task defers, the trigger asks until the job has ended, and the resumed task ends the step."""
    connect(bigquery_place)
    store = warehouse("bigquery")
    file = published(green(tmp_path, 40))
    uploaded = stage_month(store, file, fetch=fetch, run_id="r", upload_only=True)
    task = StageUploadedOperator(
        task_id="stage", target="bigquery", dataset="green", staged=uploaded.to_json()
    )
    asked = iter([None])
    monkeypatch.setattr(BigQueryWarehouse, "load_uploaded", lambda *_: next(asked))
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(cast("Context", {}))
    monkeypatch.undo()
    wait = deferred.value
    assert isinstance(wait.trigger, LoadJobTrigger)
    path, arguments = wait.trigger.serialize()
    assert path == "nyc_taxi.triggers.load_job.LoadJobTrigger"
    trigger = LoadJobTrigger(**{**arguments, "interval": 0.01})
    seen = iter([True, None, True, False])

    def is_loading(*_: object) -> bool:
        answer = next(seen)
        if answer is None:
            raise WarehouseUnreachable("It did not answer.")
        return answer

    monkeypatch.setattr(BigQueryWarehouse, "is_loading", is_loading)

    async def first_event() -> TriggerEvent:
        return await anext(aiter(trigger.run()))

    event = asyncio.run(asyncio.wait_for(first_event(), HANGS))
    assert list(seen) == []
    monkeypatch.undo()
    assert wait.kwargs is not None
    staged = task.execute_complete(cast("Context", {}), event.payload, **wait.kwargs)
    assert staged["rows_loaded"] == 40
    assert store.ledger.get(uploaded.key).outcome is Outcome.STAGED


@pytest.mark.slow
def test_a_month_is_loaded_after_the_setup_and_no_earlier(
    run_dag: Callable[..., DagRun], place: Place, publish: Callable[..., None]
) -> None:
    publish("green", "2021-01")
    refused = states(run_dag("green_bigquery", month="2021-01"))
    assert (refused["wait_for_file"], refused["upload"]) == ("success", "failed")

    assert states(run_dag("setup_gcp")) == {"create_what_is_missing": "success"}
    assert set(states(run_dag("green_bigquery", month="2021-01")).values()) == {"success"}

    counted = (
        f"select count(*) as rows_loaded from {place.raw}.green_tripdata where file_month = '2021-01-01'"
    )
    (row,) = place.bigquery().query_and_wait(counted)
    assert row["rows_loaded"] == 400
    names = [blob.name for blob in place.storage().list_blobs(place.bucket)]
    assert "raw/green/green_tripdata_2021-01.csv.gz" in names

    publish("green", "2021-02")
    both = states(run_dag("taxi_bigquery", datasets=["green"], months="2021-01..2021-02"))
    assert set(both.values()) <= {"success", "skipped"}, both
    months = f"select count(distinct file_month) as months from {place.raw}.green_tripdata"
    assert [row["months"] for row in place.bigquery().query_and_wait(months)] == [2]

    assert states(run_dag("recheck_bigquery"))["find_republished"] == "success"
