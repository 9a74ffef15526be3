"""Where the months of a backfill stand, asked of Airflow's metadata database."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from sqlalchemy import select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from nyc_taxi.cli.backfill_plan import PlannedRun
    from nyc_taxi.core.month import Month


class Standing(StrEnum):
    """Where a month's run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting for the file"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    GONE = "deleted"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in {Standing.SUCCEEDED, Standing.FAILED, Standing.GONE}


@dataclass(frozen=True, slots=True)
class MonthStanding:
    """Where one month's run stands, and which task failed, if one did."""

    month: Month
    standing: Standing
    run_id: str = ""
    failed_tasks: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.standing is Standing.GONE:
            return f"{self.month} (its run was deleted)"
        return f"{self.month} ({', '.join(self.failed_tasks) or 'no task'} failed in the run {self.run_id})"


def standings(dag_id: str, runs: Iterable[PlannedRun], session: Session) -> tuple[MonthStanding, ...]:
    """Return where the months stand, in two queries."""
    months = {run.logical_date: run.month for run in runs}
    rows = select(DagRun.logical_date, DagRun.run_id, DagRun.state).where(
        DagRun.dag_id == dag_id, DagRun.logical_date.in_(months)
    )
    found = {date: (run_id, str(state)) for date, run_id, state in session.execute(rows)}
    unsettled = [run_id for run_id, state in found.values() if state in {"running", "failed"}]
    tasks: dict[str, list[tuple[str, str]]] = {run_id: [] for run_id in unsettled}
    active = (
        "deferred",
        "failed",
        "queued",
        "restarting",
        "running",
        "scheduled",
        "up_for_reschedule",
        "up_for_retry",
    )
    task_rows = (
        select(TaskInstance.run_id, TaskInstance.task_id, TaskInstance.state)
        .where(
            TaskInstance.dag_id == dag_id,
            TaskInstance.run_id.in_(unsettled),
            TaskInstance.state.in_(active),
        )
        .distinct()
    )
    if unsettled:
        for run_id, task_id, state in session.execute(task_rows):
            tasks[run_id].append((task_id, str(state)))
    gone = ("", "deleted")
    return tuple(
        _standing(month, *found.get(date, gone), tasks.get(found.get(date, gone)[0], []))
        for date, month in months.items()
    )


def _standing(month: Month, run_id: str, state: str, tasks: list[tuple[str, str]]) -> MonthStanding:
    states = {task_state for _, task_state in tasks}
    failed = tuple(sorted(task for task, task_state in tasks if task_state == "failed"))
    if state == "running" and states and states <= {"deferred", "up_for_reschedule"}:
        return MonthStanding(month, Standing.WAITING, run_id)
    standing = Standing.SUCCEEDED if state == "success" else Standing(state)
    return MonthStanding(month, standing, run_id, failed)
