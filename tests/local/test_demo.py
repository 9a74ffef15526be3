"""The warehouses of ``make demo``: Postgres with a role that may read it, and BigQuery's emulator."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from local import demo
from local import google_cloud as of_google
from local.checks import CheckFailed
from local.stack import AIRFLOW, Stack
from local.state import Ports, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.google_cloud import GoogleCloud


def test_the_warehouse_has_a_role_that_may_read_it(
    warehouse_uri: str, ordinary_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert demo.READER == "taxi_reader"
    # Roles belong to the whole server, which other tests use.
    monkeypatch.setattr(demo, "READER", ordinary_user)
    stack: Any = SimpleNamespace(warehouse_uri=warehouse_uri)
    assert demo.prepared_warehouse(stack).name == "postgres_taxi"
    with psycopg.connect(warehouse_uri) as connection:
        connection.execute(f"set role {ordinary_user}")
        assert connection.execute("select count(*) from raw.green_tripdata").fetchone() == (0,)


def test_the_demo_on_google_cloud_needs_no_account(tmp_path: Path) -> None:
    stack = Stack(tmp_path, Settings(Ports.free(), target="bigquery"))
    own = stack.environment()
    assert own["AIRFLOW__NYC_TAXI__WAREHOUSES"] == "bigquery"
    assert own["NYC_TAXI_BIGQUERY_BUCKET"] == "taxi"
    assert {"gcs", "bigquery"} <= {one.name for one in stack._components()}
    assert own["NYC_TAXI_BIGQUERY_ENDPOINT"] == f"http://127.0.0.1:{stack.settings.ports.bigquery}"


def test_the_demo_on_postgres_has_nothing_of_google_cloud(tmp_path: Path) -> None:
    stack = Stack(tmp_path, Settings(Ports.free()))
    assert stack.emulators is None
    assert not [name for name in stack.environment() if "BIGQUERY" in name or "WAREHOUSES" in name]
    assert {one.name for one in stack._components()} == {"files", *AIRFLOW}


def test_the_tables_of_the_demo_read_bigquery_too(google_cloud: GoogleCloud) -> None:
    emulators = google_cloud.emulators
    statement = "select %(first)s as day, number from unnest([3, 2, 1]) as number order by 2 limit %(zones)s"
    rows = list(of_google.query(emulators)(statement, {"first": date(2021, 1, 1), "zones": 2}))
    assert rows == [(date(2021, 1, 1), 1), (date(2021, 1, 1), 2)]
    emulators.place("taxi").storage().create_bucket("taxi").blob("raw/a").upload_from_string("abc")
    assert of_google.objects(emulators) == [("raw/a", 3)]


def test_a_warehouse_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARGET", "oracle")
    with pytest.raises(CheckFailed, match=r"TARGET=oracle is not one of postgres, bigquery\."):
        demo.chosen(Settings())
    monkeypatch.setenv("TARGET", "bigquery")
    assert demo.chosen(Settings()).target == "bigquery"
