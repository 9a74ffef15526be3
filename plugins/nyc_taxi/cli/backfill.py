"""``airflow dags backfill`` and ``airflow taxi backfill``: months through the scheduler, waited for."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from airflow.api_fastapi.common.dagbag import resolve_run_on_latest_version
from airflow.exceptions import AirflowConfigException
from airflow.models.backfill import AlreadyRunningBackfill, ReprocessBehavior, _create_backfill
from airflow.models.dag import DagModel
from airflow.utils.cli import action_cli, suppress_logs_and_warning
from airflow.utils.platform import getuser
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from nyc_taxi.cli.backfill_plan import Request, bounds, listed, metadata, metadata_errors, plan
from nyc_taxi.cli.backfill_watch import active_backfill, wait_for_the_last_one, watch
from nyc_taxi.cli.command import INTERRUPTED, remark, say
from nyc_taxi.cli.output import print_rows
from nyc_taxi.cli.progress import tally
from nyc_taxi.core.month import MonthRange
from nyc_taxi.errors import BackfillRefused, InvalidCommand, InvalidMonth, MetadataUnavailable

if TYPE_CHECKING:
    from argparse import Namespace

    from nyc_taxi.cli.backfill_plan import Plan


def backfill(args: Namespace) -> None:
    """Run a monthly DAG for the months asked for, and wait until all are done.

    :raises BackfillRefused: when it cannot be made as asked; nothing was changed
    :raises BackfillFailed: when a month did not succeed
    """
    args.verbose = False
    with metadata_errors():
        _backfill(args)


@suppress_logs_and_warning
@action_cli(check_db=False)  # type: ignore[no-untyped-call,untyped-decorator]
def _backfill(args: Namespace) -> None:
    request = _request(args)
    planned = _planned(request)
    if planned.not_ended:
        remark(f"Left out: {listed(planned.not_ended)}, not ended yet.")
    if args.dry_run:
        _show(planned)
    elif not planned.unfinished:
        _nothing_to_do(request, planned)
    else:
        _refuse_paused(request, planned, unpause=args.unpause)
        _run(request, args)


def _run(request: Request, args: Namespace) -> None:
    """Start the months, or join them when all are under way, and wait for them."""
    if _planned(request).starting:
        wait_for_the_last_one(request.dag_id)
    planned = _planned(request)
    if planned.starting:
        _confirm(request, planned, sure=args.yes)
        backfill_id = _create(request, args.max_active_runs)
        months = listed(run.month for run in planned.starting)
        say(f"Backfill {backfill_id} of {request.dag_id} runs {months}.")
    else:
        _join(request, planned)
    if args.unpause:
        with metadata() as session:
            session.execute(update(DagModel).where(DagModel.dag_id == request.dag_id).values(is_paused=False))
    if not args.no_wait:
        _wait(request, planned)


def _request(args: Namespace) -> Request:
    first, last = args.start_date or args.end_date, args.end_date or args.start_date
    if first is None:
        raise InvalidCommand(
            "Which months? Give -s MONTH, -e MONTH, or both, for example -s 2021-01 -e 2021-03."
        )
    try:
        months = MonthRange(first, last)
    except InvalidMonth:
        raise InvalidCommand(f"The last month, {last}, is before the first, {first}.") from None
    reprocess = ReprocessBehavior.NONE
    if args.rerun_failed_tasks:
        reprocess = ReprocessBehavior.FAILED
    if args.reset_dagruns:
        reprocess = ReprocessBehavior.COMPLETED
    return Request(args.dag_id, months, reprocess, args.conf or {}, args.run_backwards)


def _planned(request: Request) -> Plan:
    with metadata() as session:
        return plan(request, session)


def _show(planned: Plan) -> None:
    """Print what would be done with each month."""
    print_rows(
        [
            {
                "month": str(run.month),
                "logical_date": run.logical_date.isoformat(),
                "existing_run": run.state or "none",
                "would": ("run again" if run.state else "run") if run.starts else "be left out",
            }
            for run in planned.runs
        ]
    )
    if planned.paused and planned.unfinished:
        remark("The DAG is paused: add --unpause to run it.")


def _refuse_paused(request: Request, planned: Plan, *, unpause: bool) -> None:
    if planned.paused and not unpause:
        raise BackfillRefused(
            f"The DAG {request.dag_id} is paused, so nothing would run, and nothing was created: add "
            f"--unpause, or run `airflow dags unpause {request.dag_id}` first."
        )


def _confirm(request: Request, planned: Plan, *, sure: bool) -> None:
    again = listed(run.month for run in planned.starting if run.state)
    if sure or not again or request.reprocess is not ReprocessBehavior.COMPLETED:
        return
    if not sys.stdin.isatty():
        raise BackfillRefused(f"--reset-dagruns would run {again} again: add -y to say yes to that.")
    sys.stderr.write(f"Run {again} of {request.dag_id} again? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise BackfillRefused("Nothing was changed.")


def _create(request: Request, max_active_runs: int) -> int:
    """Create the backfill with its runs, and return its id."""
    first, last = bounds(request.months)
    with metadata() as session:
        on_latest = resolve_run_on_latest_version(None, request.dag_id, session, fallback=True)
    try:
        user = getuser()
    except AirflowConfigException:
        user = None
    try:
        created = _create_backfill(
            dag_id=request.dag_id,
            from_date=first,
            to_date=last,
            max_active_runs=max_active_runs,
            reverse=request.backwards,
            dag_run_conf=request.conf,
            triggering_user_name=user,
            reprocess_behavior=request.reprocess,
            run_on_latest_version=on_latest,
        )
    except AlreadyRunningBackfill:
        raise BackfillRefused(
            f"Somebody else has just started a backfill of {request.dag_id}, and Airflow runs one at a time."
        ) from None
    except DBAPIError as error:
        raise MetadataUnavailable(
            f"Airflow's metadata database was lost while the backfill of {request.dag_id} was created "
            f"({str(error.orig).strip().splitlines()[0]}). Run the same command again when it is back: it "
            "creates the months, or says that they are under way."
        ) from error
    return created.id


def _join(request: Request, planned: Plan) -> None:
    """Say which months are under way already; what was asked for beyond that is not done to them."""
    running = listed(run.month for run in planned.runs if run.under_way)
    with metadata() as session:
        active = active_backfill(request.dag_id, session)
    by = f" in backfill {active[0]}" if active else ""
    if request.conf or request.reprocess is ReprocessBehavior.COMPLETED:
        raise BackfillRefused(
            f"{running} of {request.dag_id} is running{by}, so it cannot be run again before it has finished."
        )
    say(f"Nothing to start: {running} of {request.dag_id} is under way already{by}.")


def _nothing_to_do(request: Request, planned: Plan) -> None:
    months = listed(run.month for run in planned.runs)
    say(f"Nothing to do: {request.dag_id} has run for {months}. To run that again, add --reset-dagruns.")
    watch(request.dag_id, planned.runs, lambda *_: None)


def _wait(request: Request, planned: Plan) -> None:
    """Show how the months go on until all have finished."""
    started = time.monotonic()
    try:
        with tally(request.dag_id) as show:
            watch(request.dag_id, planned.runs, show)
    except KeyboardInterrupt:
        remark(
            f"No longer watching; the months of {request.dag_id} go on. The same command without -c and "
            "--reset-dagruns watches again, and the DAG's Backfills page in the UI shows and cancels them."
        )
        raise SystemExit(INTERRUPTED) from None
    months = listed(run.month for run in planned.runs)
    say(f"{request.dag_id} has succeeded for {months}, after {time.monotonic() - started:.0f} s.")
