"""Notes of runs that load months: which file, how many rows, and which tasks failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nyc_taxi.core.excerpt import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

HEADING = "**Taxi months**"
"""First words of the paragraph that this module writes; people write the others."""

REASON = "reason"
"""Key under which a failing task leaves its error for the run's note."""

LONGEST_NOTE = 1000
"""Most characters of a note that Airflow stores."""

_SOON = {"postgresql": "set local lock_timeout = '2s'", "sqlite": "pragma busy_timeout = 5000"}
"""The statement that limits how long a session waits for a lock, by database. With any other database no
note is written: it could wait for a lock that the scheduler holds while it waits for the note."""

_NOT_PLAIN = re.compile(r"[^\w.:/%~+-]", re.ASCII)
_MARKUP = re.compile(r"[<>`*|&\[\]\\]")
_LONGEST_REASON = 500
_PUBLISHES = "PublishMonthOperator"
_WAITS = "PublicationSensor"


def write_note(run: DagRun, tasks: Mapping[str, str]) -> None:
    """Write the note of a run in a separate session, because a listener must not commit the scheduler's.

    :param tasks: the class of each of the run's tasks, by the task's id
    """
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
            *(_not_loaded(answer, linked) for answer in lost),
            *(_loaded(result, linked) for result in results),
        ]
        failed = _failed(session, run)
        if not lines and not failed:
            return
        kind = "backfill" if run.run_type == "backfill" else f"{run.run_type} run"
        heading = f"{HEADING} ({kind})"
        if failed or len(lines) == 1:
            heading = f"{heading}: {failed or lines.pop()}"
        note = session.get(DagRunNote, run.id)
        if note is None:
            note = DagRunNote(content="")  # type: ignore[no-untyped-call]
            note.dag_run_id = run.id
            session.add(note)
        note.content = merged(note.content or "", heading, lines)


def _returned(session: Session, run: DagRun, tasks: Mapping[str, str], kind: str) -> list[dict[str, Any]]:
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


def _failed(session: Session, run: DagRun) -> str:
    """Return one line that names the tasks of a run that failed, and the reason of the first."""
    from airflow.models.xcom import XComModel
    from airflow.utils.state import TaskInstanceState

    instances = run.get_task_instances(state=[TaskInstanceState.FAILED], session=session)
    failed = sorted({instance.task_id for instance in instances})
    if not failed:
        return ""
    found = session.scalars(
        XComModel.get_many(run_id=run.run_id, dag_ids=run.dag_id, task_ids=failed, key=REASON).order_by(None)
    )
    reasons = sorted((row.map_index, str(XComModel.deserialize_value(row))) for row in found)
    reason = reasons[0][1] if reasons else _end_of_pod(session, run, failed)
    return f"Failed: {', '.join(failed)}. {_plain(reason or 'No reason was reported: see its log.')}"


def _end_of_pod(session: Session, run: DagRun, failed: list[str]) -> str:
    """Return why the pod of a failed task ended; empty if nothing was reported about one."""
    from airflow.models.log import Log
    from sqlalchemy import select

    ends = select(Log.extra).where(
        Log.dag_id == run.dag_id, Log.run_id == run.run_id, Log.task_id.in_(failed), Log.event.like("pod %")
    )
    return session.scalar(ends.order_by(Log.id.desc()).limit(1)) or ""


def _plain(reason: str) -> str:
    """Return a reason without the characters that have a meaning in a note, which is Markdown."""
    text = _MARKUP.sub("", printable(reason))
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"


def _loaded(result: dict[str, Any], linked: bool) -> str:
    """Return one line about a month that was published, is unchanged, or was superseded."""
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
            return f"{subject}: {file} was superseded by a newer load"


def _not_loaded(answer: dict[str, Any], linked: bool) -> str:
    """Return one line about a month that was not published, although its file was there."""
    return f"{answer['dataset']} {answer['month']}: {_file(answer['url'], linked)} was not published"


def _file(url: str, linked: bool) -> str:
    """Return a file's name; as a link where there is room and a browser can open it.

    A note is Markdown, so characters with a meaning there are removed from names, and addresses that have
    any are not linked.
    """
    name = _NOT_PLAIN.sub("", url.rpartition("/")[2])[:100]
    plain = url.startswith(("http://", "https://")) and len(url) < 400 and not _NOT_PLAIN.search(url)
    return f"[{name}]({url})" if linked and plain else name


def merged(note: str, first: str, lines: list[str]) -> str:
    """Return a note with this module's paragraph in place of its previous one.

    What people wrote is kept whole. The paragraph is shortened to the room that is left, or omitted.
    Airflow's list of runs shows only the first line of a note.

    :param note: the present note
    :param first: the paragraph's first line, which begins with :data:`HEADING`
    :param lines: the lines to list under it
    """
    theirs = [part for part in note.split("\n\n") if part.strip() and not part.startswith(HEADING)]
    for shown in range(len(lines), -1, -1):
        rest = [f"and {len(lines) - shown} more"] if shown < len(lines) else []
        ours = "\n".join([first, *(f"* {line}" for line in [*lines[:shown], *rest])])
        whole = "\n\n".join([*theirs, ours])
        if len(whole) <= LONGEST_NOTE:
            return whole
    return note
