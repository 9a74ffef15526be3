"""The note on every run that loads months: which file, how many rows, and whether it is a backfill.

The scheduler calls this module when a run ends, so that it costs next to nothing for any other DAG's
run, imports nothing before it is needed, and never raises.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

_log = logging.getLogger(__name__)

HEADING = "**Taxi months**"
"""First words of the paragraph that belongs to this module; all others belong to people."""

LONGEST_NOTE = 1000
"""Characters that Airflow's database has room for."""

_PUBLISHES = "PublishMonthOperator"
_WAITS = "PublicationSensor"


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:  # noqa: ARG001
    """Note what a run loaded."""
    _note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:  # noqa: ARG001
    """Note what a run loaded before it failed, and in which tasks it failed."""
    _note(dag_run)


def _note(run: DagRun) -> None:
    try:
        tasks = {task.task_id: task.task_type for task in run.dag.tasks} if run.dag else {}
        if _PUBLISHES in tasks.values():
            _write(run, tasks)
    except Exception:
        _log.exception("The note of run %s of %s was not written", run.run_id, run.dag_id)


def _write(run: DagRun, tasks: dict[str, str]) -> None:
    """Write the note in a session of its own: the scheduler's must not be committed by a listener."""
    from airflow.models.dagrun import DagRunNote
    from airflow.utils.session import create_session
    from sqlalchemy import text

    with create_session(scoped=False) as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("set local lock_timeout = '2s'"))
        else:
            # The scheduler's own transaction may hold the only write lock: fail now rather than wait.
            session.execute(text("pragma busy_timeout = 100"))
        lines = [*_failed(session, run), *map(_loaded, _results(session, run, tasks))]
        if not lines:
            return
        kind = "backfill" if run.run_type == "backfill" else f"{run.run_type} run"
        note = session.get(DagRunNote, run.id)
        if note is None:
            note = DagRunNote(content="")  # type: ignore[no-untyped-call]
            note.dag_run_id = run.id
            session.add(note)
        note.content = merged(note.content or "", f"{HEADING} ({kind})", lines)


def _results(session: Session, run: DagRun, tasks: dict[str, str]) -> Iterable[dict[str, Any]]:
    """Return what the publish tasks of a run returned, in the order of their indexes."""
    from airflow.models.xcom import XComModel

    found = session.scalars(
        XComModel.get_many(
            run_id=run.run_id,
            dag_ids=run.dag_id,
            task_ids=[task_id for task_id, kind in tasks.items() if kind == _PUBLISHES],
            key="return_value",
        ).order_by(None)
    )
    values = [(row.map_index, XComModel.deserialize_value(row)) for row in found]
    return [value for _, value in sorted(values, key=lambda pair: pair[0]) if isinstance(value, dict)]


def _failed(session: Session, run: DagRun) -> list[str]:
    """Return one line that names the tasks of a run that failed."""
    from airflow.utils.state import TaskInstanceState

    instances = run.get_task_instances(state=[TaskInstanceState.FAILED], session=session)
    failed = sorted({instance.task_id for instance in instances})
    return [f"Failed: {', '.join(failed)}."] if failed else []


def _loaded(result: dict[str, Any]) -> str:
    """Return one line about a month."""
    month = f"{result['dataset']} {result['month']}"
    url = str(result["url"])
    name = url.rpartition("/")[2]
    file = f"[{name}]({url})" if url.startswith(("http://", "https://")) else name
    rows = (
        f"{result['rows_in_file']:,} rows in the file, {result['rows_loaded']:,} loaded, "
        f"{result['rows_rejected']:,} rejected"
    )
    match result["outcome"]:
        case "unchanged":
            return f"{month}: unchanged, {file}: {rows}"
        case "published":
            return f"{month}: {file}: {rows}{', replaces an earlier file' if result['replaces'] else ''}"
        case _:
            return f"{month}: {file} was overtaken by a newer load"


def merged(note: str, heading: str, lines: list[str]) -> str:
    """Put this module's paragraph into a note, in the place of its last one.

    What people wrote is kept whole. The paragraph is cut to the room that is left, or left out.

    :param note: the note as it is, with whatever people wrote
    :param heading: the paragraph's first line, which begins with :data:`HEADING`
    :param lines: what to list under it
    """
    theirs = [part for part in note.split("\n\n") if part.strip() and not part.startswith(HEADING)]
    for shown in range(len(lines), -1, -1):
        rest = [f"and {len(lines) - shown} more"] if shown < len(lines) else []
        ours = "\n".join([heading, *(f"* {line}" for line in [*lines[:shown], *rest])])
        whole = "\n\n".join([*theirs, ours])
        if len(whole) <= LONGEST_NOTE:
            return whole
    return note
