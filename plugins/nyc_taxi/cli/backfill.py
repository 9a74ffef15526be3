"""``airflow dags backfill`` and ``airflow taxi backfill``: run a monthly DAG for past months."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.common.dagbag import resolve_run_on_latest_version
from airflow.exceptions import AirflowConfigException
from airflow.models.backfill import AlreadyRunningBackfill, ReprocessBehavior, _create_backfill, _do_dry_run
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.cli import suppress_logs_and_warning
from airflow.utils.platform import getuser
from sqlalchemy import select, update

from nyc_taxi.cli.backfill_watch import UNFINISHED, latest_backfill, metadata, watch
from nyc_taxi.cli.command import confirm, remark, say
from nyc_taxi.cli.output import print_rows
from nyc_taxi.core.month import Month, MonthRange, listed
from nyc_taxi.errors import ContractError, InvalidCommand, InvalidMonth

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

_POLL = 1.0
_NOTICE_TIMEOUT = 150.0
"""Seconds after which Airflow should have noticed that a backfill has finished; it looks every 30 seconds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a backfill would do, in its order.

    :param states: the logical date of each month's run, and the state of the run if it exists
    :param starting: the logical dates of the runs that are created or run again
    :param paused: whether the DAG is paused
    """

    states: Mapping[datetime, str | None]
    starting: frozenset[datetime]
    paused: bool

    def skipped(self, *states: str) -> str:
        """Return the months that are skipped because their run has one of the states."""
        dates = self.states.keys() - self.starting
        return listed(Month.of(date) for date in dates if self.states[date] in states)


@suppress_logs_and_warning
def backfill(args: Namespace) -> None:
    """Create the runs of the months that have none, and wait until every month has finished.

    :raises ContractError: when that cannot be done; nothing was changed
    :raises TaxiError: when a month did not succeed
    """
    months, unended = _ended(_months(args))
    args.reprocess = ReprocessBehavior.FAILED if args.rerun_failed_tasks else ReprocessBehavior.NONE
    if args.reset_dagruns:
        args.reprocess = ReprocessBehavior.COMPLETED
    with metadata() as session:
        plan = _plan(args, months, session)
    _report_skipped(plan, unended)
    if args.dry_run:
        _print(plan)
        return
    if plan.starting or plan.skipped(*UNFINISHED):
        _check(args, plan)
    if plan.starting:
        number = _create(args, months)
        say(f"Backfill {number} of {args.dag_id} runs {listed(map(Month.of, plan.starting))}.")
    if args.unpause:
        with metadata() as session:
            session.execute(update(DagModel).where(DagModel.dag_id == args.dag_id).values(is_paused=False))
    if not args.no_wait:
        watch(args.dag_id, {date: Month.of(date) for date in plan.states})


def _months(args: Namespace) -> MonthRange:
    first, last = args.start_date or args.end_date, args.end_date or args.start_date
    if first is None:
        raise InvalidCommand("Name the months with -s, -e or both, for example -s 2021-01 -e 2021-03.")
    try:
        return MonthRange(first, last)
    except InvalidMonth:
        raise InvalidCommand(f"The last month, {last}, is before the first, {first}.") from None


def _ended(months: MonthRange) -> tuple[list[Month], str]:
    """Return the months that are over, and the others as text.

    :raises ContractError: when no month is over
    """
    today = datetime.now(UTC).date()
    ended = [month for month in months if month.next().first_day <= today]
    unended = listed(month for month in months if month not in ended)
    if not ended:
        raise ContractError(f"{unended} is not over: Airflow creates a month's run once the month is over.")
    return ended, unended


def _plan(args: Namespace, months: list[Month], session: Session) -> Plan:
    """Return what a backfill of a DAG with one run per calendar month would do.

    :raises ContractError: when the DAG is unknown or has other runs
    """
    dag = SerializedDagModel.get_dag(args.dag_id, session=session)
    model = session.scalar(select(DagModel).where(DagModel.dag_id == args.dag_id))
    if dag is None or model is None or model.is_stale:
        rows = select(DagModel.dag_id).where(DagModel.timetable_summary == "0 0 1 * *", ~DagModel.is_stale)
        known = ", ".join(sorted(session.scalars(rows)))
        hint = f"Monthly DAGs: {known}." if known else "Is the DAG processor running?"
        raise ContractError(f"Airflow has no DAG {args.dag_id}. {hint}")
    dates = list(map(_start, months))
    expected = [(_start(month), _start(month.next())) for month in months]
    infos = dag.iter_dagrun_infos_between(dates[0], dates[-1]) if dag.timetable.periodic else ()
    if [info.data_interval for info in islice(infos, len(dates) + 1)] != expected:
        raise ContractError(
            f"The DAG {args.dag_id} does not run once per calendar month in UTC; its schedule is "
            f"{model.timetable_summary}. Use `airflow backfill create` or `airflow dags trigger`."
        )
    starting = _do_dry_run(**_window(args, months), session=session)
    rows = select(DagRun.logical_date, DagRun.state).where(
        DagRun.dag_id == args.dag_id, DagRun.logical_date.in_(dates)
    )
    found = {date: str(state) for date, state in session.execute(rows)}
    return Plan(
        {date: found.get(date) for date in sorted(dates, reverse=args.run_backwards)},
        frozenset(info.logical_date for info in starting if info.logical_date),
        bool(model.is_paused),
    )


def _start(month: Month) -> datetime:
    return datetime.combine(month.first_day, datetime.min.time(), UTC)


def _window(args: Namespace, months: list[Month]) -> dict[str, Any]:
    """Return what both a dry run and a backfill of Airflow take; both ends are included."""
    return {
        "dag_id": args.dag_id,
        "from_date": _start(months[0]),
        "to_date": _start(months[-1]),
        "reverse": args.run_backwards,
        "reprocess_behavior": args.reprocess,
        "dag_run_conf": args.conf or {},  # with None, a run that is repeated would keep its old conf
    }


def _report_skipped(plan: Plan, unended: str) -> None:
    for months, why in (
        (plan.skipped("success"), "already succeeded; --reset-dagruns would run it again"),
        (plan.skipped("failed"), "already failed; --rerun-failed-tasks would run it again"),
        (plan.skipped(*UNFINISHED), "already running"),
        (unended, "not over yet"),
    ):
        if months:
            remark(f"Skipped {months}: {why}.")


def _print(plan: Plan) -> None:
    print_rows(
        [
            {
                "month": str(Month.of(date)),
                "logical_date": date,
                "existing_run": state or "none",
                "action": ("run again" if state else "run") if date in plan.starting else "skip",
            }
            for date, state in plan.states.items()
        ]
    )
    if plan.paused:
        remark("The DAG is paused: add --unpause to run it.")


def _check(args: Namespace, plan: Plan) -> None:
    """Refuse what would not run, or not as asked, and let a person confirm what runs again."""
    if plan.paused and not args.unpause:
        raise ContractError(
            f"The DAG {args.dag_id} is paused, so nothing would run. Nothing was created. Add --unpause, or "
            f"run `airflow dags unpause {args.dag_id}`."
        )
    running = plan.skipped(*UNFINISHED)
    if running and (args.conf or args.reset_dagruns):
        raise ContractError(
            f"{running} of {args.dag_id} is still running and cannot be run again. Nothing was created. Wait "
            "for it, or cancel it on the DAG's page."
        )
    again = listed(Month.of(date) for date in plan.starting if plan.states[date])
    if again and args.reset_dagruns and not args.yes and not confirm(f"Run {again} of {args.dag_id} again?"):
        raise ContractError("Nothing was changed. Answer y, or add --yes.")


def _create(args: Namespace, months: list[Month]) -> int:
    """Create the backfill with its runs, and return its id.

    Airflow allows one backfill of a DAG at a time and notices late that one has finished. That is waited for.

    :raises ContractError: when another backfill of the DAG is running
    """
    try:
        user = getuser()
    except AirflowConfigException:
        user = None
    with metadata() as session:
        on_latest = resolve_run_on_latest_version(None, args.dag_id, session, fallback=True)
    until = time.monotonic() + _NOTICE_TIMEOUT
    waiting = False
    while True:
        try:
            with metadata():
                created = _create_backfill(
                    **_window(args, months),
                    max_active_runs=args.max_active_runs,
                    triggering_user_name=user,
                    run_on_latest_version=on_latest,
                )
                return created.id
        except AlreadyRunningBackfill:
            number, unfinished = latest_backfill(args.dag_id)
            if unfinished:
                raise ContractError(
                    f"Backfill {number} of {args.dag_id} is still running, and Airflow allows one per "
                    "DAG at a time. Nothing was created. Wait for it, or cancel it on the DAG's page."
                ) from None
            if time.monotonic() > until:
                raise ContractError(
                    f"Backfill {number} of {args.dag_id} has finished, but Airflow has not noticed for "
                    f"{_NOTICE_TIMEOUT:.0f} s. Nothing was created. Check that a scheduler is running."
                ) from None
        if not waiting:
            remark(
                "Waiting until Airflow notices that the last backfill has finished; this takes up to 30 s."
            )
            waiting = True
        time.sleep(_POLL)
