"""What the scheduler still adds to a pod before it creates it: labels of its month, and a larger profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.jobs.scheduler_job_runner import TASK_STUCK_IN_QUEUED_RESCHEDULE_EVENT
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.models.xcom import XComModel
from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import annotations_to_key
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from airflow.utils.session import create_session
from sqlalchemy import select

from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.core.month import resolve_month
from nyc_taxi.errors import ContractError
from nyc_taxi.pods.death import Cause
from nyc_taxi.pods.profile import LABEL
from nyc_taxi.pods.report import report_wait
from nyc_taxi.pods.wiring import as_pod, get_profile
from nyc_taxi.targets import TARGETS

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey
    from sqlalchemy.orm import Session


def prepare(pod: Any) -> None:
    """Label a pod with the dataset and the month that its task loads, and apply a larger profile if needed.

    Each time that the task ran out of memory in this run, in whichever try, is one step to a larger profile.
    """
    task = annotations_to_key(pod.metadata.annotations)
    with create_session(scoped=False) as session:
        loads = _what_it_loads(session, task)
        killed = _tries(session, task, Cause.OUT_OF_MEMORY.event)
        waited = task.try_number in _tries(session, task, TASK_STUCK_IN_QUEUED_RESCHEDULE_EVENT)
    pod.metadata.labels |= loads
    first = profile = get_profile(pod.metadata.labels[LABEL])
    for _ in killed:
        profile = get_profile(profile.larger) if profile.larger else profile
    if profile is not first:
        grown = PodGenerator.reconcile_pods(pod, as_pod(profile.replacement(), f"profile {profile.name}"))
        pod.metadata, pod.spec = grown.metadata, grown.spec
    if waited:
        with create_session(scoped=False) as session:
            report_wait(session, task, pod)


def _what_it_loads(session: Session, task: TaskInstanceKey) -> dict[str, str]:
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


def _of_entry(session: Session, task: TaskInstanceKey) -> dict[str, str]:
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


def _tries(session: Session, task: TaskInstanceKey, event: str) -> set[int]:
    """Return the tries of a task that had an event."""
    found = session.scalars(
        select(Log.try_number).where(
            Log.event == event,
            Log.dag_id == task.dag_id,
            Log.run_id == task.run_id,
            Log.task_id == task.task_id,
            Log.map_index == task.map_index,
        )
    )
    return {number for number in found if number is not None}
