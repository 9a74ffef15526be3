"""A whole Airflow with its scheduler, shared by the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from local import samples
from local.environment import PYTHON
from local.stack import Stack
from local.state import Ports, Settings
from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.core.month import MonthRange
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.conftest import warm
from tests.scheduler.runs import warm_airflow
from tests.waiting import HANGS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 2_000
MONTHS = "2021-01..2021-03"
TRANSFORM = "transform_postgres"


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory, dbt_program: str) -> Iterator[Stack]:
    """A running Airflow on free ports, its DAGs unpaused, with three sample months to load.

    Only the one that builds the marts is paused: dbt would take the machine from the other tests.
    Everything is under ``running_stack.folder``: the months that are served in ``samples``, the task logs
    in ``airflow/logs``, the logs of Airflow's parts in ``processes``.
    """
    settings = Settings(Ports.free(), rows=ROWS, months=MONTHS)
    extra = {
        "AIRFLOW__NYC_TAXI__DBT_PROGRAM": dbt_program,
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",  # idle, it costs half as much
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    }
    stack = Stack(tmp_path_factory.mktemp("stack"), settings, extra)
    samples.write(stack.state.samples, ROWS, MonthRange.parse(MONTHS))
    stack.state.remember(stack.settings)
    stack.start()
    try:
        names = {f"{name}_postgres" for name in (*dataset_names(), "taxi", "zones", "recheck")}
        stack.wait_for_dags({*names, TRANSFORM, "getting_started"}, HANGS)
        for dag_id in sorted({*names, "getting_started"}):
            stack.api.unpause(dag_id)
        warm_airflow(stack).parent.mkdir()
        with warm(PYTHON, warm_airflow(stack), environment=stack.environment()):
            yield stack
    finally:
        stack.api.close()
        stack.stop()
        stack.postgres.remove()


@pytest.fixture(scope="session")
def stack_warehouse(running_stack: Stack) -> PostgresWarehouse:
    """The running Airflow's warehouse."""
    warehouse = PostgresWarehouse(lambda: psycopg.connect(running_stack.warehouse_uri), "postgres_taxi")
    warehouse.prepare()
    return warehouse
