"""Months of three datasets backfilled at once, and what keeps them from being quicker."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import psycopg

from benchmarks import files
from benchmarks.figure import Figure
from benchmarks.files import apart
from benchmarks.loading import sql_of
from benchmarks.place import BenchmarkFailed
from benchmarks.processes import cpu, own_cpu
from benchmarks.stack import DAGS, parts
from local.api import ENDED
from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.samples import SAMPLE_DATASETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psutil

    from benchmarks.sizes import Sizes
    from local.stack import Stack

_FROM = Month("2019-01")
_PATIENCE = 900.0
_STATES = "select state from dag_run where run_type = 'backfill'"


def backfill(on: Stack, sizes: Sizes) -> Iterator[Figure]:
    """Measure how many months are loaded in a minute, and where that minute goes.

    :param on: an Airflow whose ingest DAGs are not paused, and that has loaded no month before 2021
    """
    months = MonthRange(_FROM, _FROM.plus(sizes.months - 1))
    apart(files.months, on.state.samples, SAMPLE_DATASETS, months, sizes.month)
    before, began = _cpu(parts(on)), time.monotonic()
    for dag_id in DAGS:
        on.api.post(
            "backfills",
            {
                "dag_id": dag_id,
                "from_date": f"{months.first}-01T00:00:00Z",
                "to_date": f"{months.last}-01T00:00:00Z",
                "max_active_runs": 4,
            },
        )
    ended = _ended(on, len(DAGS) * sizes.months)
    seconds = time.monotonic() - began
    after = _cpu(parts(on))
    if failed := ended.count("failed"):
        raise BenchmarkFailed(
            f"{failed} of {len(ended)} backfilled months failed. See {on.state.airflow}/logs."
        )
    note = f"{len(ended)} months of {sizes.month:,} rows in {seconds:.0f} s"
    yield Figure("backfill of three datasets", 60 * len(ended) / seconds, "months a minute", note=note)
    yield from _waits(on, len(ended))
    for name, taken in after.items():
        yield Figure(f"backfill, CPU of {name}", 100 * (taken - before[name]) / seconds, "% of a core")


def _ended(on: Stack, runs: int) -> list[str]:
    """Return the states of so many runs of backfills, once all have ended."""
    end = time.monotonic() + _PATIENCE
    # The API would take fifty times as long as its database, on the very cores that the runs need.
    with psycopg.connect(on.metadata_uri, autocommit=True) as connection:
        while True:
            states = [state for (state,) in connection.execute(_STATES)]
            if len(states) == runs and ENDED.issuperset(states):
                return states
            if time.monotonic() > end:
                raise BenchmarkFailed(f"After {_PATIENCE:g} s, the months are not loaded: {states}.")
            time.sleep(0.5)


def _waits(on: Stack, months: int) -> Iterator[Figure]:
    """Tell how long an average month's tasks were at work and waited, from Airflow's own times."""
    with psycopg.connect(on.metadata_uri) as connection:
        rows = connection.execute(sql_of("waits"), {"dag_ids": list(DAGS)}).fetchall()
    worked = ", ".join(f"{task} {seconds / months:.2f}" for task, seconds, *_ in rows)
    sums = [sum(column) / months for column in list(zip(*rows, strict=True))[1:]]
    names = (
        "at work",
        "after one task's end until the next is scheduled",
        "scheduled until handed to the executor",
        "handed to the executor until at work",
    )
    for number, (name, seconds) in enumerate(zip(names, sums, strict=True)):
        yield Figure(f"backfill, a month's tasks: {name}", seconds, "s", note="" if number else worked)


def _cpu(of: Mapping[str, set[psutil.Process]]) -> dict[str, float]:
    """Return the CPU seconds of each part; what the scheduler's children take are the tasks'."""
    found = {name: cpu(processes) for name, processes in of.items()}
    everything = found.pop("scheduler")
    # The scheduler leads the session that its workers and their tasks are in.
    alone = sum(own_cpu(process) for process in of["scheduler"] if os.getsid(process.pid) == process.pid)
    return {"the scheduler": alone, "tasks": everything - alone, **found}
