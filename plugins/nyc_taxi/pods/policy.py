"""What Airflow asks this package before it creates a pod.

Every process of Airflow loads this module (entry point ``airflow.policy``), so it imports nothing else.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.policies import hookimpl

_log = logging.getLogger(__name__)


@hookimpl
def pod_mutation_hook(pod: Any) -> None:
    """Label the pod of a task with its month, and give it more memory after it ran out of it.

    An error here would fail the task, and is logged instead.
    """
    labels = pod.metadata.labels or {}
    if labels.get("kubernetes_executor") != "True" or "profile" not in labels:
        return
    try:
        from nyc_taxi.pods.launch import prepare

        prepare(pod)
    except Exception:
        _log.warning("The pod %s starts with its profile alone", pod.metadata.name, exc_info=True)
