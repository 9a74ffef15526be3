"""Following a backfill until its months are done, looking once a second."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow.jobs.job import most_recent_job
from airflow.models.backfill import Backfill
from airflow.models.dagrun import DagRun
from sqlalchemy import func, select

from nyc_taxi.cli.backfill_plan import metadata
from nyc_taxi.cli.backfill_standings import MonthStanding, Standing, standings
from nyc_taxi.cli.command import remark
from nyc_taxi.errors import BackfillFailed, BackfillRefused, MetadataUnavailable

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nyc_taxi.cli.backfill_plan import PlannedRun
    from nyc_taxi.cli.progress import Tally

_POLL = 1.0
_NOTICE_TIMEOUT = 150.0
_OUTAGE = 300.0
"""Seconds for which the metadata database may be away while months are waited for."""
_SILENCE = 30.0
"""Seconds without any change after which it is asked whether a scheduler runs."""


def watch(dag_id: str, runs: tuple[PlannedRun, ...], tally: Tally) -> None:
    """Return once every month's run has succeeded.

    An outage of the metadata database, and a scheduler that gives no sign of life, are told and waited for.

    :param tally: shows how many months stand where
    :raises MetadataUnavailable: when the metadata database has not answered for five minutes
    :raises BackfillFailed: once no run goes on, when at least one has not succeeded; it names them
    """
    scheduler = _Scheduler()
    while True:
        now = _patiently(dag_id, runs)
        counts = Counter(month.standing for month in now)
        tally(sum(counts[standing] for standing in Standing if standing.final), len(now), _words(counts))
        if all(month.standing.final for month in now):
            break
        scheduler.look(now)
        time.sleep(_POLL)
    failed = [month for month in now if month.standing is not Standing.SUCCEEDED]
    if failed:
        raise BackfillFailed(
            f"{len(failed)} of {len(now)} months of {dag_id} did not succeed: {', '.join(map(str, failed))}. "
            "Look at the task's log, then run them again with --rerun-failed-tasks."
        )


def _patiently(dag_id: str, runs: tuple[PlannedRun, ...]) -> tuple[MonthStanding, ...]:
    """Return where the months stand as soon as the metadata database says so."""
    until = time.monotonic() + _OUTAGE
    told = False
    while True:
        try:
            with metadata() as session:
                return standings(dag_id, runs, session)
        except MetadataUnavailable as error:
            if time.monotonic() > until:
                raise MetadataUnavailable(
                    f"Airflow's metadata database has not answered for {_OUTAGE:.0f} seconds, so this "
                    f"command ends. The months of {dag_id} are not lost: they go on when it is back, and the "
                    "same command without -c and --reset-dagruns watches them again."
                ) from error
            if not told:
                remark("Airflow's metadata database does not answer; waiting for it.")
                told = True
        time.sleep(_POLL)


class _Scheduler:
    """Says once that no scheduler runs: at the first look, and when nothing has changed for a while."""

    def __init__(self) -> None:
        self._seen: tuple[MonthStanding, ...] = ()
        self._asked = float("-inf")
        self._told = False

    def look(self, now: tuple[MonthStanding, ...]) -> None:
        """Take note of where the months stand, and ask for the scheduler if that is due."""
        if self._seen and now != self._seen:
            self._asked, self._told = time.monotonic(), False
        self._seen = now
        if self._told or time.monotonic() - self._asked < _SILENCE:
            return
        self._asked = time.monotonic()
        with suppress(MetadataUnavailable):
            if not scheduler_runs():
                remark("No scheduler has given a sign of life lately: nothing happens before one runs.")
                self._told = True


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
