"""What Airflow itself knows of the months: the DAGs that load them, and their runs."""

# Airflow's models are imported here: only the web server imports this module.

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow.models import DagModel, DagRun
from sqlalchemy import func, select

from nyc_taxi.core.month import Month, resolve_month
from nyc_taxi.errors import TaxiError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

ACTIVE: Final = ("queued", "running")

LONGEST: Final = 30.0
"""Seconds after which the runs of a DAG are read again in any case."""

_known: Final[dict[str, tuple[tuple[object, ...], Mapping[Month, Run], Mapping[str, Run]]]] = {}
"""Of each DAG, the version of its runs that was read, and what was read."""


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

    :param newest: of each DAG, the newest run of each month
    :param by_id: of each DAG, the runs by their ids
    """

    newest: Mapping[str, Mapping[Month, Run]]
    by_id: Mapping[str, Mapping[str, Run]]

    def of(self, run_id: str, dag_ids: Collection[str]) -> Run | None:
        """Return the run of one of some DAGs that has an id."""
        return next((self.by_id[one][run_id] for one in dag_ids if run_id in self.by_id.get(one, {})), None)


def paused(session: Session, dag_ids: Collection[str]) -> dict[str, bool]:
    """Return which of some DAGs Airflow has, and whether each is paused."""
    found = select(DagModel.dag_id, DagModel.is_paused).where(
        DagModel.dag_id.in_(dag_ids), DagModel.is_stale.is_(False)
    )
    return {dag_id: bool(is_paused) for dag_id, is_paused in session.execute(found)}


def find_runs(session: Session, dag_ids: Collection[str], of_many: Collection[str] = ()) -> Runs:
    """Return the runs of some DAGs; those of a DAG are read again when one of them has changed.

    :param dag_ids: DAGs each run of which loads one month
    :param of_many: DAGs whose runs load several
    """
    versions = _versions(session, {*dag_ids, *of_many})
    changed = {
        dag_id for dag_id, version in versions.items() if dag_id not in _known or _known[dag_id][0] != version
    }
    if changed:
        newest, by_id = _read(session, changed, frozenset(dag_ids))
        for dag_id in changed:
            _known[dag_id] = versions[dag_id], newest[dag_id], by_id[dag_id]
    known = {dag_id: _known[dag_id] for dag_id in versions}
    return Runs(
        {dag_id: newest for dag_id, (_, newest, _) in known.items()},
        {dag_id: by_id for dag_id, (_, _, by_id) in known.items()},
    )


def _versions(session: Session, dag_ids: Collection[str]) -> dict[str, tuple[object, ...]]:
    """Return what changes with the runs of each DAG that has any."""
    found = (
        select(DagRun.dag_id, func.count(), func.max(DagRun.id), func.max(DagRun.updated_at))
        .where(DagRun.dag_id.in_(dag_ids))
        .group_by(DagRun.dag_id)
    )
    # The newest change may have been committed before an older one.
    period = time.monotonic() // LONGEST
    return {dag_id: (*version, period) for dag_id, *version in session.execute(found)}


def _read(
    session: Session, dag_ids: Collection[str], of_one: Collection[str]
) -> tuple[dict[str, dict[Month, Run]], dict[str, dict[str, Run]]]:
    found = (
        select(
            DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.run_type, DagRun.conf, DagRun.partition_key,
            func.coalesce(DagRun.logical_date, DagRun.data_interval_start).label("interval_start"),
            func.coalesce(DagRun.start_date, DagRun.queued_at).label("began"),
        )
        .where(DagRun.dag_id.in_(dag_ids))
        .order_by(DagRun.id)
        # Rows held all at once would soon make Python search all of Airflow's objects for garbage.
        .execution_options(yield_per=200)
    )  # fmt: skip
    newest: dict[str, dict[Month, Run]] = {dag_id: {} for dag_id in dag_ids}
    by_id: dict[str, dict[str, Run]] = {dag_id: {} for dag_id in dag_ids}
    for row in session.execute(found):
        month = _month(row) if row.dag_id in of_one else None
        run = Run(row.dag_id, row.run_id, str(row.state), month, row.began)
        by_id[run.dag_id][run.run_id] = run
        if month is not None:
            before = newest[run.dag_id].get(month)
            if before is None or not (before.active and not run.active):
                newest[run.dag_id][month] = run
    return newest, by_id


def _month(row: Any) -> Month | None:
    """Return a run's month as its tasks see it, or None when it names none that can be read."""
    month = row.conf.get("month") if isinstance(row.conf, dict) else None
    try:
        return resolve_month(
            run_type=str(row.run_type),
            param=month if isinstance(month, str) else None,
            partition_key=row.partition_key,
            interval_start=row.interval_start,
        )
    except TaxiError:
        return None
