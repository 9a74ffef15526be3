"""What is said about a pod that ended before its task could report."""

from __future__ import annotations

from typing import Any

import pytest

from nyc_taxi.pods.death import Cause, advice, death_of

NAME = "green-postgres-stage-x1y2"


def pod(phase: str = "Failed", **status: Any) -> dict[str, Any]:
    """Return a pod as the API server reports it."""
    return {
        "metadata": {"name": NAME, "labels": {"profile": "load"}},
        "spec": {
            "nodeName": "node-2",
            "containers": [
                {"name": "base", "image": "taxi:dev", "resources": {"limits": {"memory": "1Gi"}}},
            ],
            "initContainers": [{"name": "proxy", "image": "proxy:1"}],
        },
        "status": {"phase": phase, **status},
    }


def container(name: str = "base", image: str = "taxi:dev", **state: Any) -> dict[str, Any]:
    return {"name": name, "image": image, "state": state}


def ended(code: int, reason: str) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason}}


DISRUPTED = [
    {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "preempting"}
]
NOT_READY = [{"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}]
UNSCHEDULED = [
    {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/2 nodes are available: 2 Insufficient memory.",
    }
]
QUOTA = (
    "Executor KubernetesExecutor(parallelism=32) reported that the task instance <TaskInstance: …> finished "
    "with state failed, but the task instance's state attribute is queued. Extra info: (403)\n"
    'HTTP response body: {"kind":"Status","status":"Failure","message":"pods \\"x\\" is forbidden: exceeded '
    'quota: small, requested: requests.memory=1Gi, used: requests.memory=2Gi, limited: requests.memory=2Gi",'
    '"reason":"Forbidden","code":403}'
)


@pytest.mark.parametrize(
    ("found", "error", "cause", "sentence"),
    [
        (
            pod(containerStatuses=[container(**ended(137, "OOMKilled"))]),
            "",
            Cause.OUT_OF_MEMORY,
            "The pod ran out of memory: its container base was killed at its limit of 1Gi.",
        ),
        (
            pod(
                containerStatuses=[container(**ended(137, "OOMKilled"))],
                initContainerStatuses=[container("proxy", **ended(143, "Error"))],
            ),
            "",
            Cause.OUT_OF_MEMORY,
            "The pod ran out of memory: its container base was killed at its limit of 1Gi.",
        ),
        (
            pod(initContainerStatuses=[container("proxy", **ended(137, "OOMKilled"))]),
            "",
            Cause.OUT_OF_MEMORY,
            "The pod ran out of memory: its container proxy was killed at its limit of its node.",
        ),
        (
            pod(
                reason="Evicted",
                message="Pod ephemeral local storage usage exceeds the total limit of containers 4Gi. ",
                containerStatuses=[container(**ended(137, "Error"))],
            ),
            "",
            Cause.STORAGE,
            "The node node-2 evicted the pod: Pod ephemeral local storage usage exceeds the total limit of "
            "containers 4Gi.",
        ),
        (
            pod(reason="Evicted", message="The node was low on resource: memory. Available: 50Mi"),
            "",
            Cause.EVICTED,
            "The node node-2 evicted the pod: The node was low on resource: memory. Available: 50Mi.",
        ),
        (
            pod(conditions=DISRUPTED, containerStatuses=[container(**ended(143, "Error"))]),
            "",
            Cause.DISRUPTED,
            "The pod on the node node-2 was ended: a pod with a higher priority needed its place.",
        ),
        (
            pod("Running", conditions=NOT_READY),
            "",
            Cause.DISRUPTED,
            "The pod on the node node-2 was ended: its node stopped answering, or refuses pods now.",
        ),
        (
            pod(
                "Pending",
                containerStatuses=[
                    container(waiting={"reason": "ImagePullBackOff", "message": 'Back-off: "taxi:dev"'})
                ],
            ),
            "",
            Cause.IMAGE,
            'The pod never started: its image taxi:dev is not available: Back-off: "taxi:dev".',
        ),
        (
            pod(
                "Pending",
                containerStatuses=[
                    container(
                        waiting={"reason": "CreateContainerConfigError", "message": 'secret "a" not found'}
                    )
                ],
            ),
            "",
            Cause.NOT_CREATED,
            'The container base could not be started: secret "a" not found.',
        ),
        (
            pod("Pending", conditions=UNSCHEDULED),
            "",
            Cause.UNSCHEDULED,
            "No node took the pod: 0/2 nodes are available: 2 Insufficient memory.",
        ),
        (
            pod(containerStatuses=[container(**ended(1, "Error"))]),
            "",
            Cause.EXITED,
            "The container base exited with code 1 before the task could report. "
            f"Its output: kubectl logs {NAME} -c base.",
        ),
        (
            None,
            QUOTA,
            Cause.REFUSED,
            'The cluster refused the pod: pods "x" is forbidden: exceeded quota: small, requested: '
            "requests.memory=1Gi, used: requests.memory=2Gi, limited: requests.memory=2Gi.",
        ),
        (
            None,
            "Executor … finished with state failed",
            Cause.GONE,
            "The pod was deleted before the task could report: by a person, or with its node.",
        ),
        (pod(), "", Cause.GONE, f"The pod {NAME} stopped, and Kubernetes does not say why."),
    ],
)
def test_the_sentence_says_what_happened_and_to_which_limit(
    found: dict[str, Any] | None, error: str, cause: Cause, sentence: str
) -> None:
    death = death_of(found, error)

    assert (death.cause, death.sentence) == (cause, sentence)


def test_a_message_of_kubernetes_stays_on_one_line_and_short() -> None:
    death = death_of(pod(reason="Evicted", message="no\nroom \x1b[31m" + "!" * 1000), "")

    assert "\n" not in death.sentence
    assert "\x1b" not in death.sentence
    assert len(death.sentence) < 500


@pytest.mark.parametrize(
    ("cause", "larger", "retried", "to_do"),
    [
        (Cause.OUT_OF_MEMORY, "load-large (2Gi)", True, "The next try gets the profile load-large (2Gi)."),
        (
            Cause.OUT_OF_MEMORY,
            "load-large (2Gi)",
            False,
            "Clear the task: it then gets the profile load-large (2Gi).",
        ),
        (
            Cause.OUT_OF_MEMORY,
            None,
            False,
            "Raise the memory of the profile load, in requests and in limits, then clear the task.",
        ),
        (Cause.STORAGE, None, True, "Raise ephemeral-storage in the limits of the profile load."),
        (Cause.EVICTED, None, True, "Airflow tries the task again."),
        (Cause.GONE, None, False, "Clear the task to try it again."),
    ],
)
def test_the_advice_says_what_happens_next_or_what_to_change(
    cause: Cause, larger: str | None, retried: bool, to_do: str
) -> None:
    death = death_of(None, "")

    assert advice(type(death)(cause, ""), "load", larger, retried=retried) == to_do
