"""What Airflow does for this package when a scheduler or a task starts, and when a run ends.

Each run that loads months gets a note: which file, how many rows, and whether it is a backfill. The
scheduler calls these functions for the runs of all DAGs, so they cost next to nothing for the others,
import nothing before it is needed, and never raise.
"""

from __future__ import annotations

import logging
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

from nyc_taxi.core.excerpt import printable

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from sqlalchemy.orm import Session

_log = logging.getLogger(__name__)

HEADING = "**Taxi months**"
"""First words of the paragraph that this module writes; people write the others."""

REASON = "reason"
"""Key under which a failing task leaves its error for the run's note."""

LONGEST_NOTE = 1000
"""Most characters of a note that Airflow stores."""

_SOON = {"postgresql": "set local lock_timeout = '2s'", "sqlite": "pragma busy_timeout = 5000"}
"""The statement that limits how long a session waits for a lock, by database. With any other database no
note is written: it could wait for a lock that the scheduler holds while it waits for the note."""

_NEEDED = (
    "nyc_taxi.files.transfer",
    "nyc_taxi.files.http",
    "nyc_taxi.load.audit",
    "nyc_taxi.load.stage",
    "nyc_taxi.pipelines",
)
_TASK = "TaskRunnerMarker"
_NOTICED = "reported that the task instance"
"""What the scheduler says of a task whose executor knows that it ended, although the task did not say so."""
_NOT_PLAIN = re.compile(r"[^\w.:/%~+-]", re.ASCII)
_MARKUP = re.compile(r"[<>`*|&\[\]\\]")
_LONGEST_REASON = 500
_PUBLISHES = "PublishMonthOperator"
_WAITS = "PublicationSensor"


@hookimpl
def on_starting(component: object) -> None:
    """Import what every loading task needs, before a component starts its workers.

    The LocalExecutor's tasks are forks of the scheduler and need not import it again, which saves a
    quarter of a second each. On Kubernetes, each DAG file is read in a fork of the DAG processor and needs
    its client, which takes a second. Nothing is connected, and no thread is started. Tasks call this too,
    and import nothing here: they may belong to another DAG.
    """
    if type(component).__name__ == _TASK:
        return
    try:
        from nyc_taxi.assets import raw_asset
        from nyc_taxi.core.dataset import dataset_names
        from nyc_taxi.hooks.warehouse import warehouse_hook
        from nyc_taxi.options import configured_targets
        from nyc_taxi.pods.wiring import tasks_are_pods

        for module in _NEEDED:
            import_module(module)
        for target in configured_targets():
            warehouse_hook(target)
            for module in target.preload:
                import_module(module)
            raw_asset(target.name)  # the first asset loads the handlers of all providers
        dataset_names()
        if tasks_are_pods():
            import_module("airflow.providers.cncf.kubernetes.pod_generator")
    except Exception:
        _log.warning("The modules that taxi tasks need could not be imported", exc_info=True)


@hookimpl
def on_task_instance_running(previous_state: object, task_instance: RuntimeTaskInstance) -> None:  # noqa: ARG001
    """Let a task of this package tell what went wrong in one sentence, in its log and to its run's note.

    An error that this package did not expect may hold a secret, so that only its kind is noted.
    """
    from nyc_taxi.errors import TaxiError
    from nyc_taxi.retries import TaxiRetryPolicy, one_sentence

    task = task_instance.task
    if not isinstance(getattr(task, "retry_policy", None), TaxiRetryPolicy):
        return

    def tell(error: Exception) -> None:
        if isinstance(error, TaxiError):
            task.log.error("%s", error)
            reason = str(error)
        else:
            reason = f"It ended with {type(error).__name__}. Its log has the details."
        try:
            task_instance.xcom_push(REASON, reason)
        except Exception:
            _log.warning("The reason was not kept for the run's note", exc_info=True)

    one_sentence(task, tell)


@hookimpl
def on_task_instance_failed(
    previous_state: object,  # noqa: ARG001
    task_instance: RuntimeTaskInstance | TaskInstance,
    error: str | BaseException | None,
) -> None:
    """Report why a task's pod ended, if the task itself could not report anything."""
    if not isinstance(error, str) or _NOTICED not in error:
        return
    try:
        override = (task_instance.executor_config or {}).get("pod_override")  # type: ignore[union-attr]
        profile = (override.metadata.labels or {}).get("profile") if override is not None else None
        if profile is not None:
            from nyc_taxi.pods.report import report_death

            report_death(task_instance, profile, error)  # type: ignore[arg-type]
    except Exception:
        _log.exception("The end of the pod of %s was not explained", task_instance)


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:  # noqa: ARG001
    """Note what a run loaded."""
    _note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:  # noqa: ARG001
    """Note what a run loaded before it failed, and which tasks failed."""
    _note(dag_run)


def _note(run: DagRun) -> None:
    try:
        tasks = {task.task_id: task.task_type for task in run.dag.tasks} if run.dag else {}
        if _PUBLISHES in tasks.values():
            _write(run, tasks)
    except Exception:
        _log.exception("The note of run %s of %s was not written", run.run_id, run.dag_id)


def _write(run: DagRun, tasks: dict[str, str]) -> None:
    """Write the note in a separate session, because a listener must not commit the scheduler's."""
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
