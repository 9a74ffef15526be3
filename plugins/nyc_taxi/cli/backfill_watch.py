"""Where the months of a backfill stand, asked of Airflow's metadata database once a second."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow.jobs.job import most_recent_job
from airflow.models.backfill import Backfill
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from sqlalchemy import func, select

from nyc_taxi.cli.backfill_plan import metadata
from nyc_taxi.cli.command import remark
from nyc_taxi.errors import BackfillFailed, BackfillRefused, MetadataUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from nyc_taxi.cli.backfill_plan import PlannedRun
    from nyc_taxi.cli.progress import Tally
    from nyc_taxi.core.month import Month

_POLL = 1.0
_NOTICE_TIMEOUT = 150.0
_OUTAGE = 60.0
"""Seconds for which the metadata database may be away while months are waited for."""


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


def watch(dag_id: str, runs: tuple[PlannedRun, ...], tally: Tally) -> None:
    """Return once every month's run has succeeded.

    :param tally: shows how many months stand where
    :raises MetadataUnavailable: when the metadata database has not answered for a minute
    :raises BackfillFailed: once no run goes on, when at least one has not succeeded; it names them
    """
    patience = time.monotonic() + _OUTAGE
    while True:
        try:
            with metadata() as session:
                now = standings(dag_id, runs, session)
        except MetadataUnavailable:
            if time.monotonic() > patience:
                raise
            time.sleep(_POLL)
            continue
        patience = time.monotonic() + _OUTAGE
        counts = Counter(month.standing for month in now)
        tally(sum(counts[standing] for standing in Standing if standing.final), len(now), _words(counts))
        if all(month.standing.final for month in now):
            break
        time.sleep(_POLL)
    failed = [month for month in now if month.standing is not Standing.SUCCEEDED]
    if failed:
        raise BackfillFailed(
            f"{len(failed)} of {len(now)} months of {dag_id} did not succeed: {', '.join(map(str, failed))}. "
            "Look at the task's log, then run them again with --rerun-failed-tasks."
        )


def _words(counts: Counter[Standing]) -> str:
    return ", ".join(f"{counts[standing]} {standing}" for standing in Standing if counts[standing])


def scheduler_runs() -> bool:
    """Whether a scheduler has reported lately."""
    with metadata() as session:
        job = most_recent_job("SchedulerJob", session=session)
        return job is not None and job.is_alive()


def active_backfill(dag_id: str, session: Session) -> tuple[int, int] | None:
    """Return the id of the DAG's active backfill and how many of its runs go on, if it has one."""
    row = select(Backfill.id).where(Backfill.dag_id == dag_id, Backfill.completed_at.is_(None)).limit(1)
    backfill_id = session.scalar(row)
    if backfill_id is None:
        return None
    going_on = select(func.count()).where(
        DagRun.backfill_id == backfill_id, DagRun.state.in_(("queued", "running"))
    )
    return backfill_id, session.scalar(going_on) or 0


def wait_for_the_last_one(dag_id: str) -> None:
    """Return once the DAG has no active backfill.

    Airflow looks every 30 seconds for backfills whose runs have ended, and until then refuses
    another one: one that has only to be noticed is waited for.

    :raises BackfillRefused: when one is running, or is not noticed for much longer than that
    """
    until = time.monotonic() + _NOTICE_TIMEOUT
    told = False
    while True:
        with metadata() as session:
            active = active_backfill(dag_id, session)
        if active is None:
            return
        backfill_id, going_on = active
        if going_on:
            raise BackfillRefused(
                f"Backfill {backfill_id} of {dag_id} is still running, with {going_on} runs not finished, "
                "and Airflow runs one backfill of a DAG at a time. Wait for it, or cancel it on the DAG's "
                "Backfills page in the UI."
            )
        if time.monotonic() > until:
            raise BackfillRefused(
                f"Backfill {backfill_id} of {dag_id} has finished, and Airflow has not noticed for "
                f"{_NOTICE_TIMEOUT:.0f} seconds: is the scheduler running?"
            )
        if not told:
            remark(
                f"Backfill {backfill_id} of {dag_id} has just finished. Airflow takes up to 30 seconds to "
                "notice and allows no other before; waiting."
            )
            told = True
        time.sleep(_POLL)
