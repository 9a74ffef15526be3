"""A stack that is there to be killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from local.stack import Stack
from local.state import Ports, Settings
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.waiting import HANGS

if TYPE_CHECKING:
    from collections.abc import Iterator

DATASETS = ("green", "yellow")


@pytest.fixture(scope="session")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that only these tests use, because they kill it; tasks are tried again after a second."""
    soon = {
        "AIRFLOW__NYC_TAXI__RETRY_DELAY": "1",
        "AIRFLOW__NYC_TAXI__RETRIES": "5",
        "AIRFLOW__NYC_TAXI__ASK_INTERVAL": "2",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    }
    stack = Stack(tmp_path_factory.mktemp("mortal"), Settings(Ports.free()), soon)
    stack.state.remember(stack.settings)
    stack.start()
    try:
        stack.wait_for_dags({f"{dataset}_postgres" for dataset in DATASETS}, HANGS)
        stack.postgres.create_database("alone")
        PostgresWarehouse(lambda: psycopg.connect(stack.warehouse_uri), "together").prepare()
        yield stack
    finally:
        stack.api.close()
        stack.stop()
        stack.postgres.remove()
