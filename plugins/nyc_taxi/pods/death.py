"""Why a pod ended before its task could report, in one or two sentences."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from nyc_taxi.core.excerpt import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LONGEST: Final = 400
_REFUSAL: Final = re.compile(r'"message":\s*("(?:[^"\\]|\\.)*")')
_IMAGE: Final = frozenset(
    {"ErrImageNeverPull", "ErrImagePull", "ImageInspectError", "ImagePullBackOff", "InvalidImageName"}
)
_KILLED: Final = 137
_DISRUPTIONS: Final = {
    "PreemptionByScheduler": "a pod with a higher priority needed its place",
    "EvictionByEvictionAPI": "it was evicted, as when a node is drained",
    "DeletionByTaintManager": "its node stopped answering, or refuses pods now",
    "DeletionByPodGC": "its node no longer exists",
    "TerminationByKubelet": "its node shut down, or ran short of something",
}


class Cause(Enum):
    """Why a pod ended; the value is what its task's list of events calls it."""

    OUT_OF_MEMORY = "out of memory"
    STORAGE = "out of storage"
    EVICTED = "evicted"
    DISRUPTED = "disrupted"
    IMAGE = "image not pulled"
    NOT_CREATED = "container not created"
    UNSCHEDULED = "not scheduled"
    NOT_STARTED = "not started"
    REFUSED = "refused"
    EXITED = "exited"
    GONE = "gone"

    @property
    def event(self) -> str:
        """The name of the event in Airflow's log of events."""
        return f"pod {self.value}"


@dataclass(frozen=True, slots=True)
class Death:
    """The end of a pod.

    :param cause: the kind of cause
    :param sentence: what happened, with the limit or the object that it happened to
    """

    cause: Cause
    sentence: str


def death_of(pod: Mapping[str, Any] | None, error: str) -> Death:
    """Return why a pod ended.

    :param pod: the pod as Kubernetes reports it; None when there is none, or none any more
    :param error: what the executor reported
    """
    if pod is None:
        return _without_pod(error)
    for look in (_stopped_containers, _evicted, _disrupted, _waiting_containers, _unscheduled):
        if death := look(pod):
            return death
    return Death(Cause.GONE, f"The pod {pod['metadata']['name']} stopped, and Kubernetes does not say why.")


def not_started(message: str, seconds: int) -> Death:
    """Return why a pod that Airflow deleted had not started.

    :param message: what Kubernetes' scheduler said about it; empty if nothing
    :param seconds: how long Airflow waited for it
    """
    if message:
        return Death(Cause.UNSCHEDULED, f"No node took the pod within {seconds} s: {_short(message)}")
    return Death(Cause.NOT_STARTED, f"The pod did not start within {seconds} s.")


def advice(death: Death, profile: str, larger: str | None, *, retried: bool) -> str:
    """Return what happens next, or what to do.

    :param profile: the name of the pod's profile
    :param larger: the profile of the next try, with its memory, if it gets another one
    :param retried: whether Airflow tries the task again by itself
    """
    match death.cause:
        case Cause.OUT_OF_MEMORY if larger and retried:
            return f"The next try gets the profile {larger}."
        case Cause.OUT_OF_MEMORY if larger:
            return f"Clear the task: it then gets the profile {larger}."
        case Cause.OUT_OF_MEMORY:
            to_do = f"Raise the memory of the profile {profile}, in requests and in limits"
        case Cause.STORAGE:
            to_do = f"Raise ephemeral-storage in the limits of the profile {profile}"
        case Cause.IMAGE:
            to_do = "Check the name and tag of the image, and the pull secrets"
        case Cause.NOT_CREATED:
            to_do = f"Create what is missing, or correct the profile {profile}"
        case Cause.UNSCHEDULED:
            to_do = f"Add nodes, or lower the requests of the profile {profile}"
        case Cause.NOT_STARTED:
            return "The next pod of the try has been created: kubectl describe pod says what it waits for."
        case Cause.REFUSED:
            to_do = f"Correct the profile {profile}, raise the quota, or let fewer tasks run at once"
        case _:
            return "Airflow tries the task again." if retried else "Clear the task to try it again."
    return f"{to_do}." if retried else f"{to_do}, then clear the task."


def _without_pod(error: str) -> Death:
    """Return why there is no pod: the cluster refused it, or it was deleted."""
    if refusal := _REFUSAL.search(error):
        return Death(Cause.REFUSED, f"The cluster refused the pod: {_short(json.loads(refusal[1]))}")
    return Death(
        Cause.GONE,
        "The pod was deleted before the task could report: by a person, or with its node.",
    )


def _stopped_containers(pod: Mapping[str, Any]) -> Death | None:
    """Return the end of the container that failed first."""
    for status in _statuses(pod):
        ended = status.get("state", {}).get("terminated") or {}
        code = ended.get("exitCode", 0)
        if not code or ended.get("reason") == "Completed":
            continue
        name = status["name"]
        if ended.get("reason") == "OOMKilled":
            limit = _limit(pod, name, "memory")
            return Death(
                Cause.OUT_OF_MEMORY,
                f"The pod ran out of memory: its container {name} was killed at its limit of {limit}.",
            )
        if pod["status"].get("reason") or _disrupted(pod):
            continue
        how = "was killed" if code == _KILLED else f"exited with code {code}"
        where = f"kubectl logs {pod['metadata']['name']} -c {name}"
        return Death(
            Cause.EXITED, f"The container {name} {how} before the task could report. Its output: {where}."
        )
    return None


def _evicted(pod: Mapping[str, Any]) -> Death | None:
    """Return why the node removed the pod."""
    if pod["status"].get("reason") != "Evicted":
        return None
    message = _short(pod["status"].get("message", ""))
    node = pod["spec"].get("nodeName", "?")
    own = "exceeds the" in message and ("ephemeral" in message or "EmptyDir" in message)
    return Death(Cause.STORAGE if own else Cause.EVICTED, f"The node {node} evicted the pod: {message}")


def _disrupted(pod: Mapping[str, Any]) -> Death | None:
    """Return what took the pod's place away."""
    for condition in pod["status"].get("conditions") or ():
        if condition["type"] == "DisruptionTarget" and condition["status"] == "True":
            reason = condition.get("reason", "")
            why = _DISRUPTIONS.get(reason, f"Kubernetes removed it ({reason})")
            node = pod["spec"].get("nodeName", "?")
            return Death(Cause.DISRUPTED, f"The pod on the node {node} was ended: {why}.")
    if pod["status"].get("reason") == "NodeLost" or pod["metadata"].get("deletionTimestamp"):
        node = pod["spec"].get("nodeName", "?")
        return Death(Cause.DISRUPTED, f"The pod was deleted, or its node {node} stopped answering.")
    return None


def _waiting_containers(pod: Mapping[str, Any]) -> Death | None:
    """Return why a container could not be started."""
    for status in _statuses(pod):
        waiting = status.get("state", {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        if not waiting or reason in {"ContainerCreating", "PodInitializing"}:
            continue
        message = _short(waiting.get("message") or reason)
        if reason in _IMAGE:
            image = status.get("image", "?")
            return Death(Cause.IMAGE, f"The pod never started: its image {image} is not available: {message}")
        return Death(Cause.NOT_CREATED, f"The container {status['name']} could not be started: {message}")
    return None


def _unscheduled(pod: Mapping[str, Any]) -> Death | None:
    """Return why no node took the pod."""
    for condition in pod["status"].get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Death(Cause.UNSCHEDULED, f"No node took the pod: {_short(condition.get('message', ''))}")
    return None


def _statuses(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the containers' states; a sidecar, which is an init container, ends when the task's has ended."""
    yield from pod["status"].get("containerStatuses") or ()
    yield from pod["status"].get("initContainerStatuses") or ()


def _limit(pod: Mapping[str, Any], container: str, resource: str) -> str:
    """Return the limit of a container."""
    spec = pod["spec"]
    for one in (*spec["containers"], *(spec.get("initContainers") or ())):
        if one["name"] == container:
            return str((one.get("resources", {}).get("limits") or {}).get(resource, "its node"))
    return "?"


def _short(message: str) -> str:
    """Return a message of Kubernetes on one line, which ends with a full stop."""
    text = " ".join(printable(message).split())
    return f"{text[:_LONGEST].rstrip('. ')}{'…' if len(text) > _LONGEST else '.'}"
