"""The DAGs of a deployment that uses BigQuery, on the emulators."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from nyc_taxi import settings
from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.targets import TARGETS
from tests.dags.conftest import CHECKOUT, states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.dag_processing.dagbag import DagBag
    from airflow.models.dagrun import DagRun

    from nyc_taxi.bigquery.place import Place
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
def place(
    google_cloud: GoogleCloud,
    files: FileServer,
    source: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Place:
    """A place that only the connection knows; nothing is there yet."""
    source(files.url)
    place = google_cloud.place()
    names = ("project", "bucket", "prefix", "storage_endpoint", "bigquery_endpoint")
    extra = {name: getattr(place, name) for name in names}
    connection = {"conn_type": "nyc_taxi_bigquery", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_BIGQUERY_TAXI", json.dumps(connection))
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


@pytest.mark.slow
def test_a_month_is_loaded_after_the_setup_and_no_earlier(
    run_dag: Callable[..., DagRun], place: Place, publish: Callable[..., None]
) -> None:
    publish("green", "2021-01")
    refused = states(run_dag("green_bigquery", month="2021-01"))
    assert (refused["wait_for_file"], refused["stage"]) == ("success", "failed")

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
