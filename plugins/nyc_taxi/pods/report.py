"""The end of a pod, reported where people look: the log of the task's try, and the task's list of events."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.logging_config import get_remote_task_log
from airflow.models.log import Log
from airflow.providers.cncf.kubernetes.kube_client import get_kube_client
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator, make_safe_label_value
from airflow.utils.helpers import log_filename_template_renderer
from airflow.utils.state import TaskInstanceState
from sqlalchemy.orm import object_session

from nyc_taxi.pods.death import Cause, Death, advice, death_of, not_started
from nyc_taxi.pods.profile import LABEL
from nyc_taxi.pods.wiring import get_profile

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.taskinstancekey import TaskInstanceKey
    from sqlalchemy.orm import Session

_log = logging.getLogger(__name__)

_WAITS = frozenset({Cause.IMAGE, Cause.NOT_CREATED, Cause.UNSCHEDULED})

ANSWER_WITHIN = 5
"""Seconds within which the API server of the cluster must answer; the scheduler waits for it."""


def report_death(instance: TaskInstance, profile: str, error: str) -> None:
    """Report why the pod of a task ended before the task could, and what to do.

    :param instance: the task, in the scheduler's session
    :param profile: the profile that its DAG gives it
    :param error: what the executor reported
    """
    pod = newest_pod(instance.key)
    used = pod["metadata"]["labels"][LABEL] if pod else profile
    retried = instance.state == TaskInstanceState.UP_FOR_RETRY
    session = object_session(instance)
    if session is not None:
        _report(session, instance.key, death_of(pod, error), used, retried=retried)


def report_wait(session: Session, task: TaskInstanceKey, pod: Any) -> None:
    """Report why the previous pod of the same try, which Airflow deleted, was never started.

    :param pod: the pod that takes its place
    """
    events = get_kube_client().list_namespaced_event(
        pod.metadata.namespace,
        field_selector="involvedObject.kind=Pod,reason=FailedScheduling",
        _request_timeout=ANSWER_WITHIN,
    )
    alike = [
        event
        for event in sorted(events.items, key=lambda event: str(event.metadata.creation_timestamp))
        if _stem(event.involved_object.name) == _stem(pod.metadata.name)
    ]
    seconds = conf.getint("scheduler", "task_queued_timeout")
    death = not_started(alike[-1].message if alike else "", seconds)
    _report(session, task, death, pod.metadata.labels[LABEL], retried=True)


def newest_pod(task: TaskInstanceKey) -> dict[str, Any] | None:
    """Return the pod of a try as Kubernetes reports it; None when there is none."""
    selector = PodGenerator.build_selector_for_k8s_executor_pod(
        dag_id=task.dag_id,
        task_id=task.task_id,
        run_id=task.run_id,
        try_number=task.try_number,
        map_index=task.map_index,
    )
    found = get_kube_client().list_namespaced_pod(
        conf.get("kubernetes_executor", "namespace"), label_selector=selector, _request_timeout=ANSWER_WITHIN
    )
    pods: list[dict[str, Any]] = [PodGenerator.serialize_pod(pod) for pod in found.items]
    return max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)


def waiting_pods(dag_id: str | None = None) -> list[tuple[str, str]]:
    """Return the pods of tasks that cannot start now: the name, and one or two sentences.

    :param dag_id: the DAG; None for all
    """
    wanted = "kubernetes_executor=True" + (f",dag_id={make_safe_label_value(dag_id)}" if dag_id else "")
    found = get_kube_client().list_namespaced_pod(
        conf.get("kubernetes_executor", "namespace"),
        label_selector=wanted,
        field_selector="status.phase=Pending",
        _request_timeout=ANSWER_WITHIN,
    )
    waiting = []
    for pod in map(PodGenerator.serialize_pod, found.items):
        death = death_of(pod, "")
        if death.cause in _WAITS:
            to_do = advice(death, pod["metadata"]["labels"].get(LABEL, "?"), None, retried=True)
            waiting.append((pod["metadata"]["name"], f"{death.sentence} {to_do}"))
    return waiting


def _report(session: Session, task: TaskInstanceKey, death: Death, profile: str, *, retried: bool) -> None:
    """Add the end of a pod to the session's events, and to the log of the try."""
    larger = get_profile(profile).larger
    grown = f"{larger} ({get_profile(larger).memory})" if larger else None
    sentences = f"{death.sentence} {advice(death, profile, grown, retried=retried)}"
    session.add(Log(event=death.cause.event, task_instance=task, extra=sentences))
    # Airflow shows all files of a try together. The log of the pod itself may never come.
    path = Path(f"{log_filename_template_renderer()(ti=task)}.pod.log")
    line = {
        "timestamp": datetime.now(UTC).isoformat(),
        "level": "error",
        "event": sentences,
        "logger": __name__,
    }
    file = Path(conf.get("logging", "base_log_folder"), path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{json.dumps(line)}\n", "utf-8")
    except OSError as error:
        _log.warning("The end of a pod was not written to its task's log: %s", error)
        return
    if get_remote_task_log() is not None:  # the scheduler does not wait for it
        Thread(target=_upload, args=(path,), daemon=True).start()


def _upload(path: Path) -> None:
    """Copy a file to the remote logs, from where Airflow shows it."""
    try:
        remote = get_remote_task_log()
        if remote is not None:
            remote.upload(path, None)
    except Exception:
        _log.warning("The end of a pod was not copied to its task's remote log %s", path, exc_info=True)


def _stem(name: str) -> str:
    """Return a pod's name without the random letters at its end."""
    return name.rpartition("-")[0]
