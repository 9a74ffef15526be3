"""Waiting for the runs of a backfill."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow.models.backfill import Backfill
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import and_, func, select
from sqlalchemy.exc import DBAPIError

from nyc_taxi.cli.command import INTERRUPTED, remark, say
from nyc_taxi.cli.progress import tally
from nyc_taxi.core.month import listed
from nyc_taxi.deployment import obstacles
from nyc_taxi.errors import MetadataUnavailable, TaxiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from nyc_taxi.core.month import Month

UNFINISHED = ("queued", "running")
"""States of runs that have not finished."""

_WAITING = "waiting for the file"
_AGAIN = "trying again"
_FINAL = ("succeeded", "failed", "deleted")
_STATES = (*UNFINISHED, _WAITING, _AGAIN, *_FINAL)

_ASLEEP = frozenset({"deferred", "up_for_reschedule"})
_ACTIVE = (*_ASLEEP, "failed", "queued", "restarting", "running", "scheduled", "up_for_retry")

_POLL = 1.0
_OUTAGE = 300.0
"""Seconds for which the metadata database may be unavailable while months are waited for."""
_REMINDER = 30.0
"""Seconds between two remarks about the same thing that keeps runs from going on."""


@dataclass(frozen=True, slots=True)
class MonthState:
    """The state of a month's run, one of ``_STATES``; the tasks of it that failed; and its next try."""

    month: Month
    state: str
    failed: tuple[str, ...] = ()
    again: datetime | None = None

    def __str__(self) -> str:
        tasks = f"{', '.join(self.failed)} " if self.failed else ""
        return f"{self.month} ({tasks}{self.state})"


@contextmanager
def metadata() -> Iterator[Session]:
    """Give a session of Airflow's metadata database that is committed at the end.

    :raises MetadataUnavailable: when the database does not answer or has no Airflow tables
    """
    try:
        with create_session() as session:
            yield session
    except DBAPIError as error:
        raise MetadataUnavailable(
            f"Airflow's metadata database cannot be used ({str(error.orig).strip().splitlines()[0]}). Check "
            "[database] sql_alchemy_conn, run `airflow db migrate` if it is new, and repeat the command."
        ) from error


def latest_backfill(dag_id: str) -> tuple[int, int]:
    """Return the id of the DAG's latest backfill, and how many of its runs have not finished."""
    with metadata() as session:
        number = session.scalar(select(func.max(Backfill.id)).where(Backfill.dag_id == dag_id)) or 0
        unfinished = select(func.count()).where(DagRun.backfill_id == number, DagRun.state.in_(UNFINISHED))
        return number, session.scalar(unfinished) or 0


def watch(dag_id: str, months: Mapping[datetime, Month]) -> None:
    """Show the states of the months' runs, by their logical dates, until all have finished.

    Ctrl-C ends the watching, not the runs.

    :raises MetadataUnavailable: when the metadata database has not answered for five minutes
    :raises TaxiError: when a month has not succeeded; it names each with the tasks that failed
    """
    started = time.monotonic()
    try:
        now = _wait(dag_id, months)
    except KeyboardInterrupt:
        remark(f"Stopped watching. {_again(dag_id)} To cancel them, use the DAG's Backfills page.")
        raise SystemExit(INTERRUPTED) from None
    failed = [month for month in now if month.state != "succeeded"]
    if failed:
        raise TaxiError(
            f"{len(failed)} of {len(now)} months of {dag_id} did not succeed: {', '.join(map(str, failed))}. "
            "Read the log of the task, then repeat the command with --rerun-failed-tasks."
        )
    say(f"{dag_id} has succeeded for {listed(months.values())}, after {time.monotonic() - started:.0f} s.")


def _wait(dag_id: str, months: Mapping[datetime, Month]) -> list[MonthState]:
    """Show the states of the months until all are final, and return them."""
    answered, away = time.monotonic(), False
    reminded: dict[str, float] = {}
    with tally(dag_id) as show:
        while True:
            try:
                with metadata() as session:
                    now = states(dag_id, months, session)
                    unfinished = select(DagRun.run_id).where(
                        DagRun.dag_id == dag_id,
                        DagRun.logical_date.in_(months),
                        DagRun.state.in_(UNFINISHED),
                    )
                    why = obstacles(dag_id, session.scalars(unfinished).all(), session)
            except MetadataUnavailable as error:
                if time.monotonic() - answered > _OUTAGE:
                    lost = f"Airflow's metadata database has not answered for {_OUTAGE:.0f} s."
                    raise MetadataUnavailable(f"{lost} {_again(dag_id)}") from error
                if not away:
                    remark("Airflow's metadata database does not answer; waiting for it.")
                away = True
            else:
                answered, away = time.monotonic(), False
                counts = Counter(month.state for month in now)
                done = sum(counts[state] for state in _FINAL)
                found = (f"{counts[state]} {state}{_when(state, now)}" for state in _STATES if counts[state])
                show(done, len(now), ", ".join(found))
                if done == len(now):
                    return now
                for sentence in why:
                    if answered - reminded.get(sentence, float("-inf")) >= _REMINDER:
                        remark(sentence)
                        reminded[sentence] = answered
            time.sleep(_POLL)


def _when(state: str, now: list[MonthState]) -> str:
    """Return when the first month is tried again, for the state of that name."""
    times = [month.again for month in now if month.again]
    return f" at {min(times):%H:%M:%S} UTC" if state == _AGAIN and times else ""


def _again(dag_id: str) -> str:
    return (
        f"The runs of {dag_id} continue. To watch them again, repeat the command without -c and "
        "--reset-dagruns."
    )


def states(dag_id: str, months: Mapping[datetime, Month], session: Session) -> list[MonthState]:
    """Return the states of the months' runs, in one query, and one for tasks that wait for a retry."""
    tasks: dict[datetime, set[tuple[str, str]]] = {}
    found: dict[datetime, str] = {}
    of_run = and_(
        TaskInstance.dag_id == DagRun.dag_id,
        TaskInstance.run_id == DagRun.run_id,
        TaskInstance.state.in_(_ACTIVE),
    )
    rows = (
        select(DagRun.logical_date, DagRun.state, TaskInstance.task_id, TaskInstance.state)
        .outerjoin(TaskInstance, of_run)
        .where(DagRun.dag_id == dag_id, DagRun.logical_date.in_(months))
    )
    for date, state, task, task_state in session.execute(rows):
        found[date] = str(state)
        tasks.setdefault(date, set()).update([(task, str(task_state))] if task else [])
    known = [
        _state(month, found.get(date, "deleted"), tasks.get(date, set())) for date, month in months.items()
    ]
    if all(month.state != _AGAIN for month in known):
        return known
    again = _next_tries(dag_id, months, session)
    return [replace(one, again=again.get(one.month)) if one.state == _AGAIN else one for one in known]


def _next_tries(dag_id: str, months: Mapping[datetime, Month], session: Session) -> dict[Month, datetime]:
    """Return when the next task of each month is tried again."""
    rows = (
        select(DagRun.logical_date, TaskInstance)
        .join(DagRun, and_(TaskInstance.dag_id == DagRun.dag_id, TaskInstance.run_id == DagRun.run_id))
        .where(DagRun.dag_id == dag_id, DagRun.logical_date.in_(months), TaskInstance.state == "up_for_retry")
    )
    dag = SerializedDagModel.get_dag(dag_id, session=session)
    found: dict[Month, datetime] = {}
    for date, instance in session.execute(rows):
        if dag is not None and dag.has_task(instance.task_id):
            instance.task = dag.get_task(instance.task_id)
            at = instance.next_retry_datetime()
            found[months[date]] = min(at, found.get(months[date], at))
    return found


def _state(month: Month, state: str, tasks: set[tuple[str, str]]) -> MonthState:
    if state == "success":
        return MonthState(month, "succeeded")
    if state == "running" and tasks and {task_state for _, task_state in tasks} <= _ASLEEP:
        return MonthState(month, _WAITING)
    if state == "running" and tasks and {task_state for _, task_state in tasks} <= _ASLEEP | {"up_for_retry"}:
        return MonthState(month, _AGAIN)
    failed = sorted(task for task, task_state in tasks if task_state == "failed")
    return MonthState(month, state, tuple(failed) if state == "failed" else ())
