"""The profile ``gcp``: the pipelines load into its emulators, and other programs can use them as well."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import requests

from nyc_taxi.bigquery.place import Place
from tests.compose.engine import AIRFLOW
from tests.waiting import HANGS, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.bigquery import Client

    from tests.compose.stack import Compose

pytestmark = pytest.mark.slow

HOOKS = """
import json
from airflow.providers.google.cloud.hooks.bigquery import BigQueryHook
from airflow.providers.google.cloud.hooks.gcs import GCSHook

storage, warehouse = GCSHook(), BigQueryHook(use_legacy_sql=False, location="US")
storage.create_bucket(bucket_name="shop")
zones = "id,zone\\n1,Newark\\n2,Jamaica\\n3,Astoria\\n"
storage.upload(bucket_name="shop", object_name="zones.csv", data=zones)
warehouse.create_empty_dataset(dataset_id="shop")
loaded = warehouse.insert_job(configuration={"load": {
    "sourceUris": ["gs://shop/zones.csv"],
    "sourceFormat": "CSV",
    "skipLeadingRows": 1,
    "schema": {"fields": [{"name": "id", "type": "INTEGER"}, {"name": "zone", "type": "STRING"}]},
    "destinationTable": {"projectId": "nyc-taxi", "datasetId": "shop", "tableId": "zones"},
}})
copied = warehouse.insert_job(configuration={
    "query": {"query": "create table shop.copied as select * from shop.zones", "useLegacySql": False}
})
client = warehouse.get_client(project_id="nyc-taxi")
print(json.dumps({
    "objects": storage.list(bucket_name="shop"),
    "loaded": loaded.output_rows,
    "rows": [list(row) for row in client.query("select id, zone from shop.copied order by id").result()],
    "destination": copied.destination.table_id,
}))
"""

MONTH = date(2021, 3, 1)

ANONYMOUS = {"conn_type": "google_cloud_platform", "extra": {"is_anonymous": True, "project": "nyc-taxi"}}


@pytest.fixture(scope="module")
def emulators(stack: Compose) -> Iterator[None]:
    """Both emulators, healthy."""
    with stack.with_profile("gcp"):
        yield


@pytest.fixture(scope="module")
def bigquery(stack: Compose, emulators: None) -> Client:
    """A client of the stack's BigQuery on this machine."""
    place = Place(
        "nyc-taxi",
        "taxi",
        storage_endpoint=stack.url("GCS_PORT"),
        bigquery_endpoint=stack.url("BIGQUERY_PORT"),
    )
    return place.bigquery()


def test_a_backfill_loads_a_month_into_bigquery_and_dbt_builds_its_marts(
    stack: Compose, bigquery: Client
) -> None:
    def ask(statement: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in bigquery.query_and_wait(statement)]

    def transformed() -> bool:
        runs = stack.api.get("dags/transform_bigquery/dagRuns")["dag_runs"]
        assert not [run for run in runs if run["state"] == "failed"]
        return [run["state"] for run in runs] == ["success"]

    stack.inside(
        "scheduler", "airflow", "dags", "backfill", "green_bigquery", "-s", "2021-03", "-e", "2021-03"
    )
    ((loaded, rejected),) = ask("select rows_loaded, rows_rejected from ops.file_ledger")
    assert loaded + rejected == 100_000
    assert ask("select file_month, count(*) from raw.green_tripdata group by 1") == [(MONTH, loaded)]
    eventually(transformed, 5 * HANGS)
    assert ask("select distinct dataset, file_month from marts.fct_trips") == [("green", MONTH)]


@pytest.fixture(scope="module")
def told(stack: Compose, emulators: None) -> Any:
    """What Airflow's Google provider found, in a container of the stack's network.

    The project's own image has no Google provider; the one that it is built on has.
    """
    settings = {
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps(ANONYMOUS),
        "BIGQUERY_EMULATOR_HOST": "http://bigquery:9050",
        "STORAGE_EMULATOR_HOST": "http://gcs:4443",
    }
    given = [word for name in settings for word in ("--env", name)]
    run = ("docker", "run", "--rm", "--network", f"{stack.project}_default", *given)
    said = stack.command(*run, "--entrypoint", "python", AIRFLOW, "-c", HOOKS, **settings)
    return json.loads(said.splitlines()[-1])


def test_the_google_provider_loads_an_object_into_a_table_and_queries_it(told: Any) -> None:
    assert (told["objects"], told["loaded"]) == (["zones.csv"], 3)
    assert told["rows"] == [[1, "Newark"], [2, "Jamaica"], [3, "Astoria"]]


def test_a_job_that_made_a_table_says_which(told: Any) -> None:
    assert told["destination"] == "copied"


def test_what_was_made_survives_a_restart_and_is_seen_from_this_machine(stack: Compose, told: Any) -> None:
    stack.compose("restart", "gcs", "bigquery")
    stack.compose("up", "--detach", "--no-build", "--wait", "gcs", "bigquery")

    def get(setting: str, path: str) -> Any:
        return requests.get(f"{stack.url(setting)}/{path}", timeout=60)

    assert get("GCS_PORT", "storage/v1/b/shop/o/zones.csv?alt=media").text.endswith("3,Astoria\n")
    rows = get("BIGQUERY_PORT", "bigquery/v2/projects/nyc-taxi/datasets/shop/tables/zones/data").json()
    assert rows["totalRows"] == "3"
