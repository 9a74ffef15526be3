"""What keeps an Airflow deployment from running the DAGs of this package, as its own database shows it."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING, Final

from airflow.jobs.job import most_recent_job
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.errors import ParseImportError
from airflow.models.pool import Pool
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from nyc_taxi import options
from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.load.warehouse import Finding
from nyc_taxi.pods.wiring import tasks_are_pods

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session

COMPONENTS: Final = {
    "SchedulerJob": ("scheduler", "No scheduler is running. Start one: nothing happens until then."),
    "TriggererJob": (
        "triggerer",
        "No triggerer is running. Start one: months that wait for their file do not notice it until then.",
    ),
    "DagProcessorJob": (
        "dag-processor",
        "No DAG processor is running. Start one: Airflow knows no new or changed DAG until then.",
    ),
}
"""Airflow's name of each component's job, the component, and what to say when none of them is running."""

_log = logging.getLogger(__name__)

_UNFINISHED: Final = ("queued", "running")


def findings() -> list[Finding]:
    """Return what is wrong with the deployment that uses this machine's Airflow, for the doctor and for init.

    An Airflow that has none of the DAGs, or no database, is used for its commands alone: nothing is wrong.
    """
    try:
        with create_session() as session:
            return [*_findings(session)]
    except DBAPIError:
        return []


def obstacles(dag_id: str, runs: Sequence[str], session: Session) -> list[str]:
    """Return one sentence for each reason why runs of a DAG cannot go on now.

    :param runs: the ids of the runs
    """
    tasks = select(TaskInstance.pool).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id.in_(runs))
    deferred = session.scalar(tasks.where(TaskInstance.state == "deferred").limit(1))
    needed = ("SchedulerJob", "TriggererJob") if deferred else ("SchedulerJob",)
    found = [COMPONENTS[job][1] for job in needed if not _alive(job, session)]
    for pool in session.scalars(tasks.where(TaskInstance.state == "scheduled").distinct()):
        found += _without_slots(pool, session)
    model = session.get(DagModel, dag_id)
    if model is not None and model.is_paused:
        found.append(f"{dag_id} is paused. Unpause it: airflow dags unpause {dag_id}")
    if model is None or model.is_stale or model.has_import_errors:
        found.append(f"Airflow cannot read the DAG {dag_id}. See why: airflow dags list-import-errors")
    return [*found, *(sentence for _, sentence in _waiting_pods(dag_id))]


def _findings(session: Session) -> Iterator[Finding]:
    targets = options.configured_targets()
    ingest = {target.dag_id(name) for target in targets for name in dataset_names()}
    others = {target.dag_id(name) for target in targets for name in ("taxi", "zones", "recheck", "transform")}
    known = {
        model.dag_id: model
        for model in session.scalars(
            select(DagModel).where(DagModel.dag_id.in_(ingest | others), ~DagModel.is_stale)
        )
    }
    errors = [*_import_errors(session, known.values())]
    if not known and not errors:
        return
    yield from errors
    if missing := sorted((ingest | others) - set(known)):
        yield _finding("missing DAG", ", ".join(missing), "Airflow does not know it. Check the DAGs folder.")
    for job, (component, without) in COMPONENTS.items():
        if not _alive(job, session):
            yield _finding("component", component, without)
    for target in targets:
        for sentence in _without_slots(target.pool, session):
            yield _finding("pool", target.pool, sentence)
    yield from (_finding("pod", pod, sentence) for pod, sentence in _waiting_pods())
    for dag_id, model in sorted(known.items()):
        waiting = select(func.count()).where(DagRun.dag_id == dag_id, DagRun.state.in_(_UNFINISHED))
        if model.is_paused and (runs := session.scalar(waiting)):
            waits = "1 run waits" if runs == 1 else f"{runs} runs wait"
            yield _finding("paused DAG", dag_id, f"{waits}. Unpause it: airflow dags unpause {dag_id}")
    program = options.text("dbt_program")
    if shutil.which(program) is None:
        yield _finding(
            "dbt", program, "This program is not here. Install dbt, or set [nyc_taxi] dbt_program."
        )


def _finding(what: str, where: str, to_do: str) -> Finding:
    return Finding(what, where, None, None, to_do)


def _alive(job: str, session: Session) -> bool:
    latest = most_recent_job(job, session=session)
    return latest is not None and latest.is_alive()


def _without_slots(name: str, session: Session) -> Iterator[str]:
    """Yield one sentence if a pool cannot run any task; Airflow does not say so where anybody looks."""
    slots = session.scalar(select(Pool.slots).where(Pool.pool == name))
    if not slots:
        missing = "does not exist" if slots is None else "has no slots"
        yield (
            f"The pool {name} {missing}, so tasks that use it never start. "
            f"Create it: airflow pools set {name} 4 'Months loaded at the same time'"
        )


def _waiting_pods(dag_id: str | None = None) -> list[tuple[str, str]]:
    """Return the pods of tasks that cannot start; none where tasks are not pods, or this one may not look."""
    if not tasks_are_pods():
        return []
    try:
        from nyc_taxi.pods.report import waiting_pods

        return waiting_pods(dag_id)
    except Exception:
        _log.debug("The pods of tasks could not be listed", exc_info=True)
        return []


def _import_errors(session: Session, known: Iterable[DagModel]) -> Iterator[Finding]:
    """Yield the errors in the files of known DAGs, and those that come from this package."""
    files = {model.relative_fileloc for model in known}
    for error in session.scalars(select(ParseImportError).order_by(ParseImportError.filename)):
        trace = (error.stacktrace or "").strip()
        if error.filename in files or "nyc_taxi" in trace:
            last = trace.splitlines()[-1] if trace else "unknown error"
            yield _finding("import error", error.filename or "", f"{last[:300]} Correct it, or its settings.")
