"""Calling ``airflow dags backfill`` and doing the scheduler's part, for the tests of this folder."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.cli.cli_parser import get_parser
from airflow.models.backfill import Backfill
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import select, update


def run(line: str) -> int:
    """Call the command with a command line, and return its exit status."""
    try:
        arguments = get_parser().parse_args(["dags", "backfill", *line.split()])
        arguments.func(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def runs(dag_id: str = "green") -> list[tuple[str, str, str]]:
    with create_session() as session:
        rows = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.logical_date))
        return [(f"{row.logical_date:%Y-%m-%dT%H:%M}", str(row.run_type), str(row.state)) for row in rows]


def months(dag_id: str = "green") -> list[str]:
    return [date[:7] for date, _, _ in runs(dag_id)]


def finish(states: dict[str, str] | str, dag_id: str = "green", *, noticed: bool = True) -> None:
    """Do the scheduler's part: give the runs a final state, and their backfill its end."""
    with create_session() as session:
        for row in session.scalars(select(DagRun).where(DagRun.dag_id == dag_id)):
            state = states if isinstance(states, str) else states[f"{row.logical_date:%Y-%m}"]
            row.state = state
            for task in row.get_task_instances(session=session):
                task.state = state
        if noticed:
            session.execute(update(Backfill).values(completed_at=datetime.now(UTC)))
