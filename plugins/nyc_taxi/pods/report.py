"""The end of a pod, reported where people look: the task's log and its list of events."""

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
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from airflow.utils.helpers import log_filename_template_renderer
from airflow.utils.state import TaskInstanceState
from sqlalchemy.orm import object_session

from nyc_taxi.pods.death import advice, death_of
from nyc_taxi.pods.wiring import get_profile

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

_log = logging.getLogger(__name__)

ANSWER_WITHIN = 5
"""Seconds within which the API server of the cluster must answer; the scheduler waits for it."""


def report_death(instance: TaskInstance, profile: str, error: str) -> None:
    """Report why the pod of a task ended before the task could, and what to do.

    :param instance: the task, in the scheduler's session
    :param profile: the profile that its DAG gives it
    :param error: what the executor reported
    """
    pod = newest_pod(instance)
    death = death_of(pod, error)
    used = get_profile(pod["metadata"]["labels"]["profile"] if pod else profile)
    larger = f"{used.larger} ({get_profile(used.larger).memory})" if used.larger else None
    retried = instance.state == TaskInstanceState.UP_FOR_RETRY
    sentences = f"{death.sentence} {advice(death, used.name, larger, retried=retried)}"
    session = object_session(instance)
    if session is not None:
        session.add(Log(event=death.cause.event, task_instance=instance.key, extra=sentences))
    _to_log(instance, sentences)


def newest_pod(instance: TaskInstance) -> dict[str, Any] | None:
    """Return the pod of a task's present try as Kubernetes reports it; None when there is none."""
    selector = PodGenerator.build_selector_for_k8s_executor_pod(
        dag_id=instance.dag_id,
        task_id=instance.task_id,
        run_id=instance.run_id,
        try_number=instance.try_number,
        map_index=instance.map_index,
    )
    found = get_kube_client().list_namespaced_pod(
        conf.get("kubernetes_executor", "namespace"), label_selector=selector, _request_timeout=ANSWER_WITHIN
    )
    pods: list[dict[str, Any]] = [PodGenerator.serialize_pod(pod) for pod in found.items]
    return max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)


def _to_log(instance: TaskInstance, sentences: str) -> None:
    """Add a file to those of the try's log, which Airflow shows together; the pod's own may never come."""
    line = {
        "timestamp": datetime.now(UTC).isoformat(),
        "level": "error",
        "event": sentences,
        "logger": __name__,
    }
    path = Path(f"{log_filename_template_renderer()(ti=instance)}.pod.log")
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
