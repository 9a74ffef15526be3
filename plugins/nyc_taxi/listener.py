"""What Airflow does for this package when a scheduler or a task starts, and when a run ends.

The scheduler calls these functions for the runs of all DAGs, so they cost next to nothing for the others,
import nothing before it is needed, and never raise.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

_log = logging.getLogger(__name__)

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
_PUBLISHES = "PublishMonthOperator"
"""The class of the task that publishes a month."""


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
    from nyc_taxi.run_notes import REASON

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
            from nyc_taxi.run_notes import write_note

            write_note(run, tasks)
    except Exception:
        _log.exception("The note of run %s of %s was not written", run.run_id, run.dag_id)
