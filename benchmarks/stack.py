"""A separate Airflow, and runs that are timed in it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psutil
import psycopg

from benchmarks.place import BenchmarkFailed
from benchmarks.processes import family
from local.api import ENDED
from local.process import Background
from local.stack import AIRFLOW, Stack
from local.state import Ports, Settings
from nyc_taxi.samples import USUAL_DATASETS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAGS = tuple(f"{dataset}_postgres" for dataset in USUAL_DATASETS)

_PATIENCE = 180.0

# The database is queried directly, because the API server would take time of the cores that the run needs.
_STATE = "select state from dag_run where dag_id = %s and run_id = %s"
_WAITING = "select count(*) from task_instance where state = 'deferred'"
_POSTMASTER = "select pid from pg_stat_activity where backend_type = 'checkpointer'"


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has succeeded.

    :param seconds: from the trigger to its end
    :param tasks: seconds of each task, by name
    """

    seconds: float
    tasks: dict[str, float]


@contextmanager
def stack(folder: Path) -> Iterator[Stack]:
    """Start a new Airflow on free ports, and stop and remove it."""
    found = Stack(folder / "stack", Settings(Ports.free()))
    try:
        found.start()
        found.wait_for_dags(DAGS)
        yield found
    finally:
        found.api.close()
        found.stop()
        found.postgres.remove()


def unpause(on: Stack) -> None:
    """Let the ingest DAGs run, and return when their scheduled runs wait for files that nobody has."""
    for dag_id in DAGS:
        on.api.unpause(dag_id)
    _until(on, _WAITING, (), lambda waiting: waiting == len(DAGS))


def run(on: Stack, dag_id: str, month: str) -> Run:
    """Trigger a run, and return it once it has ended.

    :raises BenchmarkFailed: when it does not succeed
    """
    run_id = on.api.trigger(dag_id, {"month": month})
    _until(on, _STATE, (dag_id, run_id), ENDED.__contains__)
    about = on.api.run(dag_id, run_id)
    if about["state"] != "success":
        raise BenchmarkFailed(f"The run of {dag_id} for {month} is {about['state']}: see its log.")
    triggered, ended = (datetime.fromisoformat(about[name]) for name in ("queued_at", "end_date"))
    tasks = {task["task_id"]: task["duration"] for task in on.api.tasks(dag_id, run_id)}
    return Run((ended - triggered).total_seconds(), tasks)


def parts(of: Stack) -> dict[str, set[psutil.Process]]:
    """Return the processes of each part of Airflow, and of Postgres, by the part's name."""
    found = {name: Background(name, of.state.processes).members() for name in AIRFLOW}
    with psycopg.connect(of.metadata_uri) as connection:
        (pid,) = connection.execute(_POSTMASTER).fetchone() or (0,)
    postmaster = psutil.Process(pid).parent()
    return {**found, "postgres": set(family(postmaster)) if postmaster else set()}


def _until(on: Stack, query: str, values: tuple[str, ...], is_so: Any) -> None:
    """Wait until Airflow's database gives the expected answer.

    :raises BenchmarkFailed: when it does not in time
    """
    end = time.monotonic() + _PATIENCE
    with psycopg.connect(on.metadata_uri, autocommit=True) as connection:
        while True:
            row = connection.execute(query.encode(), values).fetchone()
            if row and is_so(row[0]):
                return
            if time.monotonic() > end:
                raise BenchmarkFailed(f"After {_PATIENCE:g} s {query!r} of {values} is still {row}.")
            time.sleep(0.05)
