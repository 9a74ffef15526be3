"""What happens when the scheduler starts, and when a run ends.

Every run that loads months gets a note: which file, how many rows, and whether it is a backfill. The
scheduler calls this module itself, so it costs next to nothing for any other DAG's run, imports nothing
before it is needed, and never raises.
"""

from __future__ import annotations

import logging
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

_log = logging.getLogger(__name__)

HEADING = "**Taxi months**"
"""First words of the paragraph that belongs to this module; all others belong to people."""

LONGEST_NOTE = 1000
"""Characters that Airflow's database has room for."""

_SOON = {"postgresql": "set local lock_timeout = '2s'", "sqlite": "pragma busy_timeout = 5000"}
"""What keeps a session from waiting for long, by database. In others, the note would have to wait for a
lock that the scheduler itself holds while it waits for the note: there is none."""

_NEEDED = (
    "airflow.providers.postgres.hooks.postgres",
    "nyc_taxi.files.transfer",
    "nyc_taxi.files.http",
    "nyc_taxi.pipelines",
    "nyc_taxi.postgres.audit",
    "nyc_taxi.postgres.publish",
    "nyc_taxi.postgres.stage",
)
_TASK = "TaskRunnerMarker"
_NOT_PLAIN = re.compile(r"[^\w.:/%~+-]", re.ASCII)
_PUBLISHES = "PublishMonthOperator"
_WAITS = "PublicationSensor"


@hookimpl
def on_starting(component: object) -> None:
    """Load what every loading task needs, before the scheduler starts its workers.

    The LocalExecutor's tasks are forks of the scheduler. What it has loaded they need not load, which
    takes a quarter of a second from each of them. Nothing is connected, and no thread is started. A task
    itself, which may be another DAG's and in a pod of its own, loads nothing here.
    """
    if type(component).__name__ == _TASK:
        return
    try:
        for module in _NEEDED:
            import_module(module)
        from nyc_taxi.assets import raw_asset
        from nyc_taxi.core.dataset import dataset_names

        # The first asset loads all providers' kinds of assets, and the names come from all datasets.
        raw_asset("postgres")
        dataset_names()
    except Exception:
        _log.warning("What the taxi tasks need cannot be loaded", exc_info=True)


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
        dialect = session.get_bind().dialect.name
        if dialect not in _SOON:
            return
        session.execute(text(_SOON[dialect]))
        results = _returned(session, run, tasks, _PUBLISHES)
        done = {(result["dataset"], result["month"]) for result in results}
        waited = _returned(session, run, tasks, _WAITS)
        lost = [answer for answer in waited if (answer["dataset"], answer["month"]) not in done]
        linked = len(lost) + len(results) == 1
        lines = [
            *_failed(session, run),
            *(_not_loaded(answer, linked) for answer in lost),
            *(_loaded(result, linked) for result in results),
        ]
        if not lines:
            return
        kind = "backfill" if run.run_type == "backfill" else f"{run.run_type} run"
        note = session.get(DagRunNote, run.id)
        if note is None:
            note = DagRunNote(content="")  # type: ignore[no-untyped-call]
            note.dag_run_id = run.id
            session.add(note)
        note.content = merged(note.content or "", f"{HEADING} ({kind})", lines)


def _returned(session: Session, run: DagRun, tasks: dict[str, str], kind: str) -> list[dict[str, Any]]:
    """Return what a run's tasks of one kind returned, in the order of their indexes."""
    from airflow.models.xcom import XComModel

    found = session.scalars(
        XComModel.get_many(
            run_id=run.run_id,
            dag_ids=run.dag_id,
            task_ids=[task_id for task_id, type_ in tasks.items() if type_ == kind],
            key="return_value",
        ).order_by(None)
    )
    values = [XComModel.deserialize_value(row) for row in sorted(found, key=lambda row: row.map_index)]
    return [value for value in values if isinstance(value, dict)]


def _failed(session: Session, run: DagRun) -> list[str]:
    """Return one line that names the tasks of a run that failed."""
    from airflow.utils.state import TaskInstanceState

    instances = run.get_task_instances(state=[TaskInstanceState.FAILED], session=session)
    failed = sorted({instance.task_id for instance in instances})
    return [f"Failed: {', '.join(failed)}."] if failed else []


def _loaded(result: dict[str, Any], linked: bool) -> str:
    """Return one line about a month that was published, is unchanged, or was overtaken."""
    subject = f"{result['dataset']} {result['month']}"
    file = _file(result["url"], linked)
    rows = (
        f"{result['rows_in_file']:,} rows in the file, {result['rows_loaded']:,} loaded, "
        f"{result['rows_rejected']:,} rejected"
    )
    match result["outcome"]:
        case "unchanged":
            return f"{subject}: unchanged, {file}: {rows}"
        case "published":
            return f"{subject}: {file}: {rows}{', replaces an earlier file' if result['replaces'] else ''}"
        case _:
            return f"{subject}: {file} was overtaken by a newer load"


def _not_loaded(answer: dict[str, Any], linked: bool) -> str:
    """Return one line about a month whose file was there and which was not published."""
    return f"{answer['dataset']} {answer['month']}: {_file(answer['url'], linked)} was not published"


def _file(url: str, linked: bool) -> str:
    """Return a file's name; as a link where there is room for one and a browser can follow it.

    A note is Markdown, so a name or an address that means something in it is written without that.
    """
    name = _NOT_PLAIN.sub("", url.rpartition("/")[2])[:100]
    plain = url.startswith(("http://", "https://")) and len(url) < 400 and not _NOT_PLAIN.search(url)
    return f"[{name}]({url})" if linked and plain else name


def merged(note: str, heading: str, lines: list[str]) -> str:
    """Put this module's paragraph into a note, in the place of its last one.

    What people wrote is kept whole. The paragraph is cut to the room that is left, or left out. A single
    line stands beside the heading, because Airflow shows no more than the first line of a note at first.

    :param note: the note as it is, with whatever people wrote
    :param heading: the paragraph's first line, which begins with :data:`HEADING`
    :param lines: what to list under it
    """
    theirs = [part for part in note.split("\n\n") if part.strip() and not part.startswith(HEADING)]
    if len(lines) == 1:
        whole = "\n\n".join([*theirs, f"{heading}: {lines[0]}"])
        return whole if len(whole) <= LONGEST_NOTE else note
    for shown in range(len(lines), -1, -1):
        rest = [f"and {len(lines) - shown} more"] if shown < len(lines) else []
        ours = "\n".join([heading, *(f"* {line}" for line in [*lines[:shown], *rest])])
        whole = "\n\n".join([*theirs, ours])
        if len(whole) <= LONGEST_NOTE:
            return whole
    return note
