"""What Airflow itself knows of the months: the DAGs that load them, and their runs."""

# Airflow's models are imported here: only the web server imports this module.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow.models import DagModel, DagRun
from sqlalchemy import select

from nyc_taxi.core.month import Month, resolve_month
from nyc_taxi.errors import TaxiError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

ACTIVE: Final = ("queued", "running")


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a DAG that loads months.

    :param month: its month; None for a run that loads several
    :param began: when it started, or was queued
    """

    dag_id: str
    run_id: str
    state: str
    month: Month | None
    began: datetime | None

    @property
    def active(self) -> bool:
        """Whether it is queued or running."""
        return self.state in ACTIVE


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of some DAGs.

    :param newest: the newest run of each DAG and month
    :param by_id: the runs by their ids
    """

    newest: Mapping[tuple[str, Month], Run]
    by_id: Mapping[str, tuple[Run, ...]]

    def of(self, run_id: str, dag_ids: Collection[str]) -> Run | None:
        """Return the run of one of some DAGs that has an id."""
        return next((run for run in self.by_id.get(run_id, ()) if run.dag_id in dag_ids), None)


def paused(session: Session, dag_ids: Collection[str]) -> dict[str, bool]:
    """Return which of some DAGs Airflow has, and whether each is paused."""
    found = select(DagModel.dag_id, DagModel.is_paused).where(
        DagModel.dag_id.in_(dag_ids), DagModel.is_stale.is_(False)
    )
    return {dag_id: bool(is_paused) for dag_id, is_paused in session.execute(found)}


def find_runs(session: Session, dag_ids: Collection[str], of_many: Collection[str] = ()) -> Runs:
    """Return the runs of some DAGs with one query.

    :param dag_ids: DAGs each run of which loads one month
    :param of_many: DAGs whose runs load several
    """
    found = (
        select(
            DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.run_type, DagRun.conf, DagRun.partition_key,
            DagRun.logical_date, DagRun.data_interval_start, DagRun.start_date, DagRun.queued_at,
        )
        .where(DagRun.dag_id.in_({*dag_ids, *of_many}))
        .order_by(DagRun.id)
    )  # fmt: skip
    newest: dict[tuple[str, Month], Run] = {}
    by_id: dict[str, tuple[Run, ...]] = {}
    for row in session.execute(found):
        month = _month(row) if row.dag_id in dag_ids else None
        run = Run(row.dag_id, row.run_id, str(row.state), month, row.start_date or row.queued_at)
        by_id[run.run_id] = (*by_id.get(run.run_id, ()), run)
        if month is not None:
            before = newest.get((run.dag_id, month))
            if before is None or not (before.active and not run.active):
                newest[run.dag_id, month] = run
    return Runs(newest, by_id)


def _month(row: Any) -> Month | None:
    """Return a run's month as its tasks see it, or None when it names none that can be read."""
    month = row.conf.get("month") if isinstance(row.conf, dict) else None
    try:
        return resolve_month(
            run_type=str(row.run_type),
            param=month if isinstance(month, str) else None,
            partition_key=row.partition_key,
            interval_start=row.logical_date or row.data_interval_start,
        )
    except TaxiError:
        return None
