"""The demo's months, loaded by Airflow's scheduler and watched until they are done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from local.api import ENDED, AirflowApi, ApiFailed
from nyc_taxi.core.month import Month

if TYPE_CHECKING:
    from collections.abc import Callable

    from nyc_taxi.core.month import MonthRange

_CONFLICT = 409
_PATIENCE = 900.0

# Asked twice a second while the machine is busy, so the database is asked and not the API, which takes
# fifty times as long.
_STATE = """
select
    run.dag_id,
    run.logical_date,
    run.state,
    (
        select min(task.task_id || case task.state when 'running' then '' else ' ' || task.state end)
        from task_instance as task
        where task.dag_id = run.dag_id
            and task.run_id = run.run_id
            and task.state in ('running', 'queued', 'scheduled', 'deferred', 'up_for_retry', 'failed')
    )
from dag_run as run
where run.dag_id = any(%(dag_ids)s) and run.logical_date between %(first)s and %(last)s
"""


@dataclass(frozen=True, slots=True)
class Load:
    """One month's run.

    :param dataset: name of the dataset
    :param month: the month
    :param state: Airflow's state of the run
    :param task: the task that it is at, or failed at
    """

    dataset: str
    month: Month
    state: str
    task: str = ""


@dataclass(frozen=True, slots=True)
class Loads:
    """The loads of some months of some datasets, through backfills of their DAGs.

    :param api: the Airflow
    :param metadata_uri: URI of its database
    :param datasets: names of datasets, each with its DAG ``{dataset}_postgres``
    :param months: months to load, with an end
    """

    api: AirflowApi
    metadata_uri: str
    datasets: tuple[str, ...]
    months: MonthRange

    def start(self) -> None:
        """Start a backfill of every DAG, months that were loaded before included.

        Where one is at work already, as after an interrupted demo, that one is followed.
        """
        for dataset in self.datasets:
            self._backfill(dataset)

    def watch(self, show: Callable[[list[Load]], Any]) -> list[Load]:
        """Follow all loads until they have ended, and return them.

        :param show: called with their state every half second
        :raises ApiFailed: when they have not ended after a quarter of an hour
        """
        end = time.monotonic() + _PATIENCE
        with psycopg.connect(self.metadata_uri, autocommit=True) as connection:
            while True:
                loads = self._state(connection)
                show(loads)
                if all(load.state in ENDED for load in loads):
                    return loads
                if time.monotonic() > end:
                    raise ApiFailed(
                        f"The months are not loaded after {_PATIENCE:.0f} s: see the runs in the UI."
                    )
                time.sleep(0.5)

    def _state(self, connection: psycopg.Connection[Any]) -> list[Load]:
        """Return how far each month is."""
        found = connection.execute(
            _STATE,
            {
                "dag_ids": [_dag_id(dataset) for dataset in self.datasets],
                "first": self.months.first.first_day,
                "last": self.months.last.first_day if self.months.last else None,
            },
        )
        runs = {(dag_id, Month.of(day)): (state, task or "") for dag_id, day, state, task in found}
        return [
            Load(dataset, month, *runs.get((_dag_id(dataset), month), ("queued", "")))
            for dataset in self.datasets
            for month in self.months
        ]

    def _backfill(self, dataset: str) -> None:
        """Start a backfill; one that Airflow has not closed yet, though it is done, is closed first."""
        dag_id = _dag_id(dataset)
        wanted = {
            "dag_id": dag_id,
            "from_date": f"{self.months.first}-01T00:00:00Z",
            "to_date": f"{self.months.last}-01T00:00:00Z",
            "reprocess_behavior": "completed",
            "max_active_runs": 4,
        }
        try:
            self.api.post("backfills", wanted)
        except ApiFailed as error:
            if error.status != _CONFLICT:
                raise
            with psycopg.connect(self.metadata_uri, autocommit=True) as connection:
                loads = [load for load in self._state(connection) if load.dataset == dataset]
            if all(load.state in ENDED for load in loads):
                for backfill in self.api.get("backfills", dag_id=dag_id)["backfills"]:
                    if backfill["completed_at"] is None:
                        self.api.put(f"backfills/{backfill['id']}/cancel")
                self.api.post("backfills", wanted)


def _dag_id(dataset: str) -> str:
    return f"{dataset}_postgres"
