"""The answer behind the page of all months: twenty years of four datasets in two warehouses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg

from benchmarks.figure import Figure
from benchmarks.loading import warehouse
from benchmarks.place import BenchmarkFailed, place
from local.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.sizes import Sizes

TARGET = 0.2

_MONTHS = """
insert into ops.file_ledger (
    dataset, month, outcome, source, url, bytes, sha256, rows_in_file, rows_loaded, rows_rejected,
    run_id, finished
)
select
    dataset, month, outcome, 's', 'https://host/' || dataset || month, 1000000, repeat('a', 64),
    1001, 1000, 1, 'backfill__' || to_char(month, 'YYYY-MM'), now()
from unnest(array['yellow', 'green', 'fhv', 'fhvhv']) as dataset,
    unnest(array['failed', 'replaced', 'published']) as outcome,
    generate_series('2005-01-01'::date, '2024-12-01'::date, '1 month') as month
"""
"""Each month was loaded three times."""

_CODE = """
import json, sys, time
from dataclasses import replace
from datetime import UTC, datetime
from airflow.utils.db import initdb
initdb()
from nyc_taxi import targets
targets.TARGETS = (targets.TARGETS[0], replace(targets.TARGETS[0], name="second", conn_id="second_taxi"))
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models import DagRun
from airflow.utils.session import create_session
from sqlalchemy import select
from starlette.testclient import TestClient
from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.core.month import MonthRange
with create_session() as session:
    for target in targets.TARGETS:
        for dataset in dataset_names():
            for month in MonthRange.parse("2005-01..2024-12"):
                date = datetime.fromisoformat(f"{month}-01T00:00:00+00:00")
                run = DagRun(dag_id=target.dag_id(dataset), run_id=f"backfill__{month}", logical_date=date,
                             run_type="backfill")
                run.start_date = run.data_interval_start = run.run_after = date
                run.state, run.conf = "success", {}
                session.add(run)
seconds = []
with TestClient(create_app("core")) as client:
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="admin", role="admin"))
    for number in range(int(sys.argv[1])):
        with create_session() as session:  # a backfill is running
            of_fhv = select(DagRun).where(DagRun.dag_id == "fhv_postgres")
            one = session.scalar(of_fhv.offset(number % 240).limit(1))
            one.state = ("running", "success")[number % 2]
        begun = time.monotonic()
        found = client.get("/nyc-taxi/coverage", headers={"Authorization": f"Bearer {token}"})
        seconds.append(time.monotonic() - begun)
        time.sleep(0.05)
assert found.status_code == 200, found.text
known = [len(grid["months"]) for grid in found.json()["grids"]]
assert known == [240] * 8, known
print(json.dumps(seconds))
"""


def measure(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """Measure the seconds until the web server has answered a request for all months, while a run changes."""
    with place(folder) as here, here.database() as uri:
        warehouse(uri).prepare()
        with psycopg.connect(uri) as connection:
            # One published attempt per month, which an index holds.
            connection.execute(_MONTHS)
        seconds = sorted(_seconds(uri, folder, 100 * sizes.rounds)[1:])  # without the first, which imports
    late = seconds[int(len(seconds) * 0.95)]
    yield Figure.of("the page's 1,920 months, median", seconds, "s")
    yield Figure("the page's 1,920 months, 95 of 100 requests", late, "s", TARGET)


def _seconds(uri: str, folder: Path, requests: int) -> list[float]:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__NYC_TAXI__WAREHOUSES": "postgres,second",
        "AIRFLOW__API_AUTH__JWT_SECRET": "0123456789abcdef" * 4,
        "AIRFLOW_CONN_POSTGRES_TAXI": uri,
        "AIRFLOW_CONN_SECOND_TAXI": uri,
    }
    done = subprocess.run(
        (sys.executable, "-c", _CODE, str(requests)),
        env=environment,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkFailed(f"The page cannot be measured:\n{done.stderr[-2000:]}")
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found
