"""Which runs a backfill of months makes, found out before anything is changed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from airflow.models.backfill import ReprocessBehavior, _do_dry_run, _get_info_list
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.errors import BackfillRefused, MetadataUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow.serialization.definitions.dag import SerializedDAG
    from sqlalchemy.orm import Session

_MONTHLY = "0 0 1 * *"
_UNDER_WAY = frozenset({"queued", "running"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a backfill is asked to do.

    :param dag_id: the DAG
    :param months: the months, both ends included
    :param reprocess: whether months run again whose run has finished
    :param conf: the conf of the runs, empty for none: without one Airflow would keep the conf that a run
        had before it is run again
    :param backwards: whether the last month comes first
    """

    dag_id: str
    months: MonthRange
    reprocess: ReprocessBehavior = ReprocessBehavior.NONE
    conf: dict[str, Any] = field(default_factory=dict)
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """The run of one month.

    :param month: the month
    :param logical_date: by which Airflow knows the run
    :param state: state of the run that exists already; None if there is none
    :param starts: whether the backfill makes it or runs it again
    """

    month: Month
    logical_date: datetime
    state: str | None
    starts: bool

    @property
    def under_way(self) -> bool:
        """Whether the month's run has begun and not ended."""
        return self.state in _UNDER_WAY


@dataclass(frozen=True, slots=True)
class Plan:
    """What a backfill would do.

    :param runs: one run a month that has ended, in the order of the backfill
    :param not_ended: months asked for whose run cannot be made before they are over
    :param paused: whether the DAG is paused
    """

    runs: tuple[PlannedRun, ...]
    not_ended: tuple[Month, ...]
    paused: bool

    @property
    def starting(self) -> tuple[PlannedRun, ...]:
        """The runs that the backfill makes or runs again."""
        return tuple(run for run in self.runs if run.starts)

    @property
    def unfinished(self) -> bool:
        """Whether there is anything to start or to wait for."""
        return any(run.starts or run.under_way for run in self.runs)


@contextmanager
def metadata() -> Iterator[Session]:
    """Give a session of Airflow's metadata database that is committed at the end.

    :raises MetadataUnavailable: when the database does not answer or holds no Airflow tables
    """
    with metadata_errors(), create_session() as session:
        yield session


@contextmanager
def metadata_errors() -> Iterator[None]:
    """Make errors of the metadata database one sentence.

    :raises MetadataUnavailable: when the database does not answer or holds no Airflow tables
    """
    try:
        yield
    except DBAPIError as error:
        raise MetadataUnavailable(
            f"Airflow's metadata database cannot be used ({str(error.orig).strip().splitlines()[0]}): check "
            "[database] sql_alchemy_conn, and run `airflow db migrate` if it is new or old."
        ) from error


def bounds(months: MonthRange) -> tuple[datetime, datetime]:
    """Return the logical dates of the first and of the last month's run, in UTC.

    A backfill from the one to the other, both included, makes the runs of exactly these months.
    """
    return _start(months.first), _start(months.last or months.first)


def listed(months: Iterable[Month]) -> str:
    """Return months as text, consecutive ones as a range: ``2021-01..2021-03, 2021-05``."""
    numbered = enumerate(sorted(months))
    rows = groupby(numbered, key=lambda pair: pair[1].plus(-pair[0]))
    ranges = [[month for _, month in row] for _, row in rows]
    return ", ".join(str(MonthRange(row[0], row[-1])) for row in ranges)


def plan(request: Request, session: Session, *, now: datetime | None = None) -> Plan:
    """Return what a backfill would do, without doing it.

    :raises BackfillRefused: when the DAG is unknown, gone or not monthly, or no month has ended
    """
    dag, model = _monthly_dag(request, session)
    today = (now or datetime.now(UTC)).date()
    ended = [month for month in request.months if month.next().first_day <= today]
    not_ended = tuple(month for month in request.months if month not in ended)
    if not ended:
        raise BackfillRefused(
            f"{listed(not_ended)} has not ended: Airflow makes a month's run once the month is over (UTC)."
        )
    first, last = bounds(MonthRange(ended[0], ended[-1]))
    infos = _get_info_list(from_date=first, to_date=last, reverse=request.backwards, dag=dag)
    starting = {
        info.logical_date
        for info in _do_dry_run(
            dag_id=request.dag_id,
            from_date=first,
            to_date=last,
            reverse=request.backwards,
            reprocess_behavior=request.reprocess,
            dag_run_conf=request.conf,
            session=session,
        )
    }
    dates = [info.logical_date for info in infos if info.logical_date]
    rows = select(DagRun.logical_date, DagRun.state).where(
        DagRun.dag_id == request.dag_id, DagRun.logical_date.in_(dates)
    )
    states = {date: str(state) for date, state in session.execute(rows)}
    runs = tuple(PlannedRun(Month.of(date), date, states.get(date), date in starting) for date in dates)
    if sorted(run.month for run in runs) != ended:
        raise _not_monthly(request.dag_id, model)
    return Plan(runs, not_ended, bool(model.is_paused))


def _monthly_dag(request: Request, session: Session) -> tuple[SerializedDAG, DagModel]:
    """Return the DAG if each of its runs is for one calendar month."""
    dag = SerializedDagModel.get_dag(request.dag_id, session=session)
    model = session.scalar(select(DagModel).where(DagModel.dag_id == request.dag_id))
    if dag is None or model is None:
        raise BackfillRefused(f"There is no DAG {request.dag_id}. {_known(session)}")
    if model.is_stale:
        raise BackfillRefused(
            f"The DAG {request.dag_id} is no longer in its bundle, so nothing would run. {_known(session)}"
        )
    if not dag.timetable.periodic:
        raise BackfillRefused(
            f"The DAG {request.dag_id} has no schedule that a backfill could follow. Start it with "
            f"`airflow dags trigger {request.dag_id}`. {_known(session)}"
        )
    month = request.months.first
    # Two are enough to tell: an hourly DAG would give seven hundred.
    runs = islice(
        dag.iter_dagrun_infos_between(_start(month), _start(month.next()) - timedelta.resolution), 2
    )
    intervals = [run.data_interval for run in runs]
    if intervals != [(_start(month), _start(month.next()))]:
        raise _not_monthly(request.dag_id, model)
    return dag, model


def _not_monthly(dag_id: str, model: DagModel) -> BackfillRefused:
    return BackfillRefused(
        f"The DAG {dag_id} is not monthly: its schedule is {model.timetable_summary}, and months need "
        f"{_MONTHLY} in UTC. Use `airflow backfill create --dag-id {dag_id} --from-date … --to-date …`."
    )


def _known(session: Session) -> str:
    rows = select(DagModel.dag_id).where(DagModel.timetable_summary == _MONTHLY, ~DagModel.is_stale)
    names = sorted(session.scalars(rows))
    if not names:
        return "No monthly DAG is known: is Airflow's dag-processor running?"
    return f"Monthly DAGs are: {', '.join(names)}."


def _start(month: Month) -> datetime:
    return datetime.combine(month.first_day, time(), UTC)
