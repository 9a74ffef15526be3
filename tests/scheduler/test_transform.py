"""Months that arrive start the DAG that builds the marts, through the scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from local import samples
from nyc_taxi.core.month import MonthRange
from tests.extent import extent
from tests.scheduler.conftest import TRANSFORM
from tests.scheduler.runs import airflow, query
from tests.waiting import HANGS, eventually

if TYPE_CHECKING:
    from local.stack import Stack

pytestmark = pytest.mark.slow

DATASETS = ("yellow", "green", "fhv")[: extent(2, 3)]
MONTHS = MonthRange.parse(f"2019-01..2019-0{extent(2, 8)}")
RUNS = "select state, count(*) from dag_run where dag_id = 'transform_postgres' group by state"
BUILT = f"""
    select dataset, file_month
    from ops.built_months
    where file_month between '{MONTHS.first}-01' and '{MONTHS.last}-01'
"""


def test_months_that_arrive_at_once_are_all_built(running_stack: Stack) -> None:
    """DAGs emit events at the same time, and the marts' DAG has one run at a time: none is lost."""
    stack = running_stack
    samples.write(stack.state.samples, stack.settings.rows, MONTHS)
    stack.api.unpause(TRANSFORM)
    for dataset in DATASETS:
        months = ("-s", str(MONTHS.first), "-e", str(MONTHS.last))
        done = airflow(stack, "dags", "backfill", f"{dataset}_postgres", *months, "--no-wait")
        assert done.returncode == 0, done.stderr

    def all_built() -> bool:
        """Every month is in the marts, and no run is left."""
        if query(stack.warehouse_uri, "select to_regclass('ops.built_months')") == [(None,)]:
            return False
        built = set(query(stack.warehouse_uri, BUILT))
        states = dict(query(stack.metadata_uri, RUNS))
        assert "failed" not in states
        return len(built) == len(DATASETS) * len(list(MONTHS)) and not {"queued", "running"} & set(states)

    eventually(all_built, 900)
    keys = query(
        stack.metadata_uri,
        "select distinct partition_key from dag_run where dag_id = 'transform_postgres' "
        "and partition_key < '2020'",
    )
    assert {key for (key,) in keys} == set(map(str, MONTHS))

    ui = f"http://127.0.0.1:{stack.settings.ports.ui}"
    page = f"{ui}/nyc-taxi/dbt/transform_postgres"
    assert requests.get(page, timeout=HANGS).status_code == 401
    login = {"username": "admin", "password": stack.state.password()}
    token = requests.post(f"{ui}/auth/token", json=login, timeout=HANGS).json()["access_token"]
    found = requests.get(page, headers={"Authorization": f"Bearer {token}"}, timeout=HANGS)
    assert found.status_code == 200
    assert "fct_monthly_zone_revenue" in found.text
