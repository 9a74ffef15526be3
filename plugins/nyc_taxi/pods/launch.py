"""What the scheduler still adds to a pod before it creates it: labels of its month, and a larger profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.models.xcom import XComModel
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from airflow.utils.session import create_session
from sqlalchemy import func, select

from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.core.month import resolve_month
from nyc_taxi.errors import ContractError
from nyc_taxi.pods.death import Cause
from nyc_taxi.pods.profile import LABEL
from nyc_taxi.pods.wiring import as_pod, get_profile
from nyc_taxi.targets import TARGETS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class TaskKey:
    """The task instance of a pod.

    :param map_index: its index; -1 for a task that is not mapped
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    @classmethod
    def of(cls, pod: Any) -> TaskKey:
        """Return the task instance of a pod that the executor has made."""
        known = pod.metadata.annotations
        return cls(known["dag_id"], known["run_id"], known["task_id"], int(known.get("map_index", -1)))


def prepare(pod: Any) -> None:
    """Label a pod with the dataset and the month that its task loads, and apply a larger profile if needed.

    Each time that the task ran out of memory in this run, in whichever try, is one step to a larger profile.
    """
    task = TaskKey.of(pod)
    with create_session(scoped=False) as session:
        loads = _what_it_loads(session, task)
        killed = _times_out_of_memory(session, task)
    pod.metadata.labels |= loads
    first = profile = get_profile(pod.metadata.labels[LABEL])
    for _ in range(killed):
        profile = get_profile(profile.larger) if profile.larger else profile
    if profile is not first:
        grown = PodGenerator.reconcile_pods(pod, as_pod(profile.replacement(), f"profile {profile.name}"))
        pod.metadata, pod.spec = grown.metadata, grown.spec


def _what_it_loads(session: Session, task: TaskKey) -> dict[str, str]:
    """Return the labels dataset and month of a task that loads one month; none for another task."""
    if task.map_index >= 0:
        return _of_entry(session, task)
    datasets = {target.dag_id(name): name for target in TARGETS for name in dataset_names()}
    if task.dag_id not in datasets:
        return {}
    run = session.scalars(
        select(DagRun).where(DagRun.dag_id == task.dag_id, DagRun.run_id == task.run_id)
    ).one()
    labels = {"dataset": datasets[task.dag_id]}
    try:
        month = resolve_month(
            run_type=str(run.run_type),
            param=(run.conf or {}).get("month"),
            partition_key=run.partition_key,
            interval_start=run.logical_date or run.data_interval_start,
        )
    except ContractError:  # The task itself will report it.
        return labels
    return {**labels, "month": str(month)}


def _of_entry(session: Session, task: TaskKey) -> dict[str, str]:
    """Return what an entry of a list says that an earlier task of the run has returned."""
    rows = session.scalars(
        XComModel.get_many(
            run_id=task.run_id, dag_ids=task.dag_id, key="return_value", map_indexes=-1
        ).order_by(None)
    )
    for row in rows:
        entries = XComModel.deserialize_value(row)
        if isinstance(entries, list) and task.map_index < len(entries):
            entry: Any = entries[task.map_index]
            if isinstance(entry, dict) and {"dataset", "month"} <= entry.keys():
                return {name: str(entry[name]) for name in ("dataset", "month")}
    return {}


def _times_out_of_memory(session: Session, task: TaskKey) -> int:
    """Return how many tries of a task ended because its pod had not enough memory."""
    return (
        session.scalar(
            select(func.count(Log.try_number.distinct())).where(
                Log.event == Cause.OUT_OF_MEMORY.event,
                Log.dag_id == task.dag_id,
                Log.run_id == task.run_id,
                Log.task_id == task.task_id,
                Log.map_index == task.map_index,
            )
        )
        or 0
    )
