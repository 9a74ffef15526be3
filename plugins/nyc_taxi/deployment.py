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
from sqlalchemy import func, inspect, select
from sqlalchemy.exc import DBAPIError

from nyc_taxi import options
from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.load.warehouse import Finding
from nyc_taxi.pods.wiring import tasks_are_pods

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

    from nyc_taxi.targets import Target

COMPONENTS: Final = {
    "SchedulerJob": (
        "scheduler",
        "No scheduler is running. Start one (airflow scheduler): nothing happens until then.",
    ),
    "TriggererJob": (
        "triggerer",
        "No triggerer is running. Start one (airflow triggerer): months that wait for their file do "
        "not notice it until then.",
    ),
    "DagProcessorJob": (
        "dag-processor",
        "No DAG processor is running. Start one (airflow dag-processor): Airflow knows no new or "
        "changed DAG until then.",
    ),
}
"""Airflow's name of each component's job, the component, and what to say when none of them is running."""

_log = logging.getLogger(__name__)

_UNFINISHED: Final = ("queued", "running")


def findings() -> list[Finding]:
    """Return what is wrong with the deployment that uses this machine's Airflow, for the doctor and for init.

    An Airflow that has none of the DAGs, or whose database was never set up, is used for its commands alone:
    nothing is wrong.
    """
    try:
        with create_session() as session:
            if not inspect(session.connection()).has_table(DagModel.__tablename__):
                return []
            return [*_findings(session)]
    except DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0].rstrip(".")
        return [
            _finding(
                "metadata database",
                "Airflow",
                f"It does not answer: {reason[:300]}. Start it, or correct sql_alchemy_conn in the section "
                "[database]; `airflow db check` asks it again.",
            )
        ]


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
    try:
        return [*found, *(sentence for _, sentence in _waiting_pods(dag_id))]
    except Exception:
        _log.debug("The pods of tasks could not be listed", exc_info=True)
        return found


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
    for pool in dict.fromkeys([*(target.pool for target in targets), Pool.DEFAULT_POOL_NAME]):
        for sentence in _without_slots(pool, session):
            yield _finding("pool", pool, sentence)
    yield from _pods()
    started = _started_by_others(targets, known, session)
    for dag_id in sorted(dag_id for dag_id, model in known.items() if model.is_paused):
        if why := _waiting(dag_id, session) or started.get(dag_id):
            yield _finding("paused DAG", dag_id, f"{why} Unpause it: airflow dags unpause {dag_id}")
    program = options.text("dbt_program")
    if shutil.which(program) is None:
        yield _finding(
            "dbt", program, "This program is not here. Install dbt, or set [nyc_taxi] dbt_program."
        )


def _waiting(dag_id: str, session: Session) -> str:
    """Return how many runs of a DAG wait; empty when none does."""
    waiting = select(func.count()).where(DagRun.dag_id == dag_id, DagRun.state.in_(_UNFINISHED))
    runs = session.scalar(waiting) or 0
    return "" if not runs else "1 run waits." if runs == 1 else f"{runs} runs wait."


def _started_by_others(
    targets: Iterable[Target], known: Mapping[str, DagModel], session: Session
) -> dict[str, str]:
    """Return why each DAG is needed that another one starts: the recheck only starts those that have run."""
    active = {dag_id for dag_id, model in known.items() if not model.is_paused}
    reasons: dict[str, str] = {}
    for target in targets:
        ingest = [target.dag_id(name) for name in dataset_names()]
        if recheck := active & {target.dag_id("recheck")}:
            why = f"{next(iter(recheck))} starts it for a republished month, and fails while it is paused."
            used = select(DagRun.dag_id).where(DagRun.dag_id.in_(ingest)).distinct()
            reasons |= dict.fromkeys(session.scalars(used), why)
        if loading := sorted(active & {*ingest, target.dag_id("taxi")}):
            reasons[target.dag_id("transform")] = (
                f"Months that {loading[0]} loads start it, and do not reach the marts while it is paused."
            )
    return reasons


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
        default = name == Pool.DEFAULT_POOL_NAME
        slots, what = (128, "Default pool") if default else (4, "Months loaded at the same time")
        yield (
            f"The pool {name} {missing}, so tasks that use it never start. "
            f"Create it: airflow pools set {name} {slots} '{what}'"
        )


def _pods() -> Iterator[Finding]:
    """Yield the pods of tasks that cannot start."""
    try:
        yield from (_finding("pod", pod, sentence) for pod, sentence in _waiting_pods())
    except Exception as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        yield _finding(
            "pod",
            "pods of tasks",
            f"They could not be listed: {reason}. Run the doctor in the scheduler's pod, which may do that.",
        )


def _waiting_pods(dag_id: str | None = None) -> list[tuple[str, str]]:
    """Return the pods of tasks that cannot start; none where tasks are not pods."""
    if not tasks_are_pods():
        return []
    from nyc_taxi.pods.report import waiting_pods

    return waiting_pods(dag_id)


def _import_errors(session: Session, known: Iterable[DagModel]) -> Iterator[Finding]:
    """Yield the errors in the files of known DAGs, and those that come from this package."""
    files = {model.relative_fileloc for model in known}
    for error in session.scalars(select(ParseImportError).order_by(ParseImportError.filename)):
        trace = (error.stacktrace or "").strip()
        if error.filename in files or "nyc_taxi" in trace:
            last = trace.splitlines()[-1] if trace else "unknown error"
            yield _finding("import error", error.filename or "", f"{last[:300]} Correct it, or its settings.")
