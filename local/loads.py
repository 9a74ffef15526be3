"""The demo's months, loaded by Airflow's scheduler and watched until they are done."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.api import ENDED, AirflowApi, ApiFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from nyc_taxi.core.month import Month, MonthRange

_CONFLICT = 409
_PATIENCE = 900.0


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


@dataclass(slots=True)
class Loads:
    """The loads of some months of some datasets, through backfills of their DAGs.

    :param api: the Airflow
    :param datasets: names of datasets, each with its DAG ``{dataset}_postgres``
    :param months: months to load, with an end
    """

    api: AirflowApi
    datasets: tuple[str, ...]
    months: MonthRange
    _followed: set[str] = field(default_factory=set)

    def start(self) -> None:
        """Start a backfill of every DAG, months that were loaded before included.

        Where one runs already, as after an interrupted demo, that one is followed.
        """
        for dataset in self.datasets:
            self._backfill(f"{dataset}_postgres")

    def watch(self, show: Callable[[list[Load]], Any]) -> list[Load]:
        """Follow all loads until they have ended, and return them.

        :param show: called with their state every half second
        :raises ApiFailed: when they have not ended after a quarter of an hour
        """
        end = time.monotonic() + _PATIENCE
        while True:
            loads = self.state()
            show(loads)
            if all(load.state in ENDED for load in loads):
                return loads
            if time.monotonic() > end:
                raise ApiFailed(
                    f"The months were not loaded after {_PATIENCE:.0f} s; Airflow goes on with them."
                )
            time.sleep(0.5)

    def state(self) -> list[Load]:
        """Return how far each month is."""
        return [load for dataset in self.datasets for load in self._of(dataset)]

    def _of(self, dataset: str) -> list[Load]:
        dag_id = f"{dataset}_postgres"
        runs = {run["logical_date"][:7]: run for run in self._runs(dag_id)}
        tasks: dict[str, list[dict[str, Any]]] = {}
        if any(run["state"] != "success" for run in runs.values()):
            found = self.api.get(f"dags/{dag_id}/dagRuns/~/taskInstances", limit=1000)
            for task in found["task_instances"]:
                tasks.setdefault(task["dag_run_id"], []).append(task)
        return [_load(dataset, month, runs.get(str(month)), tasks) for month in self.months]

    def _runs(self, dag_id: str) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = self.api.get(
            f"dags/{dag_id}/dagRuns",
            logical_date_gte=f"{self.months.first}-01T00:00:00Z",
            logical_date_lte=f"{self.months.last}-01T00:00:00Z",
            limit=1000,
        )["dag_runs"]
        return runs

    def _backfill(self, dag_id: str) -> None:
        """Start a DAG's backfill; one that Airflow has not closed yet, though it is done, is closed first."""
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
            if all(run["state"] in ENDED for run in self._runs(dag_id)):
                for backfill in self.api.get("backfills", dag_id=dag_id)["backfills"]:
                    if backfill["completed_at"] is None:
                        self.api.put(f"backfills/{backfill['id']}/cancel")
                self.api.post("backfills", wanted)


def _load(
    dataset: str, month: Month, run: dict[str, Any] | None, tasks: dict[str, list[dict[str, Any]]]
) -> Load:
    if run is None:
        return Load(dataset, month, "queued")
    state = str(run["state"])
    wanted = (
        {"failed"} if state == "failed" else {"running", "deferred", "up_for_retry", "queued", "scheduled"}
    )
    at = [task for task in tasks.get(run["dag_run_id"], []) if task["state"] in wanted]
    names = [
        f"{task['task_id']} {'' if task['state'] == 'running' else task['state']}".strip() for task in at
    ]
    return Load(dataset, month, state, names[0] if names else "")
