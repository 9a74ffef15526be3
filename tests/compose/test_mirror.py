"""The profile ``mirror``, which serves sample months."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scheduler.runs import query
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.compose.stack import Compose

pytestmark = pytest.mark.slow

FILE = "http://mirror:8000/fhv/fhv_tripdata_2021-03.csv.gz"


def test_a_month_is_served_as_the_real_servers_serve_it(stack: Compose) -> None:
    def ask(*options: str) -> str:
        return stack.inside("scheduler", "curl", "--fail", "--silent", "--head", *options, FILE).lower()

    whole = ask()
    (size,) = (int(line.split()[1]) for line in whole.splitlines() if line.startswith("content-length"))
    assert "etag:" in whole
    assert f"content-range: bytes 100-{size - 1}/{size}" in ask("--header", "Range: bytes=100-")


def test_a_backfill_loads_from_the_mirror(stack: Compose) -> None:
    stack.inside("scheduler", "airflow", "dags", "backfill", "fhv_postgres", "-s", "2021-03", "-e", "2021-03")
    loaded = (
        "select url, rows_in_file, rows_loaded + rows_rejected from ops.file_ledger where dataset = 'fhv'"
    )
    assert query(stack.warehouse_uri, loaded) == [(FILE, 100_000, 100_000)]


@pytest.mark.parametrize("dag", ["zones_postgres", "getting_started"])
def test_other_downloads_come_from_the_mirror_too(stack: Compose, dag: str) -> None:
    run = stack.api.post(f"dags/{dag}/dagRuns", {"logical_date": None})["dag_run_id"]

    def ended() -> str | None:
        state: str = stack.api.get(f"dags/{dag}/dagRuns/{run}")["state"]
        return state if state in {"success", "failed"} else None

    assert eventually(ended) == "success"
