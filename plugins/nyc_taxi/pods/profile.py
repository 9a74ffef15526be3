"""Pod profiles: what the pod of a task gets, under a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from nyc_taxi.errors import ContractError

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML was built without libyaml, which is ten times as fast.
    from yaml import SafeLoader  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LABEL: Final = "profile"
"""The label of a pod that holds the name of its profile."""

CONTAINER: Final = "base"
"""The container of a pod in which the task runs, as Airflow's executor names it."""

_OF_CONTAINER: Final = {"env": list, "envFrom": list, "image": str, "resources": dict, "volumeMounts": list}
_OF_POD: Final = {
    "affinity": dict,
    "initContainers": list,
    "nodeSelector": dict,
    "priorityClassName": str,
    "runtimeClassName": str,
    "serviceAccountName": str,
    "terminationGracePeriodSeconds": int,
    "tolerations": list,
    "topologySpreadConstraints": list,
    "volumes": list,
}
_OF_METADATA: Final = {"annotations": dict, "labels": dict}
_OURS: Final = {"afterOutOfMemory": str, "sidecars": list}
FIELDS: Final = {**_OF_CONTAINER, **_OF_POD, **_OF_METADATA, **_OURS}
"""Every field that a profile may have, and the type of its value."""

_ADDED: Final = frozenset({"env", "envFrom", "initContainers", "sidecars", "volumeMounts", "volumes"})
"""Lists that Airflow adds to those of the pod, where it replaces any other field."""

_TYPES: Final = {dict: "a mapping", list: "a list", str: "a text", int: "a whole number"}

TAKEN: Final = frozenset(
    {
        *("airflow-worker", "airflow_executor_done", "airflow_pod_revoked", "airflow_version", "dag_id"),
        *("dataset", "kubernetes_executor", "map_index", "month", LABEL, "run_id", "task_id", "try_number"),
    }
)
"""Labels and annotations that Airflow and this package set."""

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)(m|k|[MGTPE]|[KMGTPE]i)?")
_UNITS: Final = {
    **{unit: 1000**power for power, unit in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{unit: 1024**power for power, unit in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))},
    "m": 0.001,
}


@dataclass(frozen=True, slots=True)
class Profile:
    """What a pod gets.

    :param name: the profile's name
    :param fields: its fields, under Kubernetes' own names
    """

    name: str
    fields: Mapping[str, Any]

    @property
    def larger(self) -> str | None:
        """The profile of the next try, after the pod was killed for its memory."""
        return self.fields.get("afterOutOfMemory")

    @property
    def memory(self) -> str:
        """The pod's memory, which is both requested and its limit."""
        return str(self.fields["resources"]["limits"]["memory"])

    def manifest(self) -> dict[str, Any]:
        """Return the pod with all that the profile says, and nothing else."""
        return _manifest(self.name, self.fields)

    def replacement(self) -> dict[str, Any]:
        """Return the pod with what replaces the fields of a pod that another profile has made.

        Lists that Airflow would add to those of that pod are not in it.
        """
        return _manifest(
            self.name, {field: value for field, value in self.fields.items() if field not in _ADDED}
        )


def read_profiles(text: str, where: str) -> dict[str, Profile]:
    """Return the profiles of a file, by name.

    :param where: the file's name, for messages
    :raises ContractError: when a profile has an unknown field, or a value that cannot be right
    """
    try:
        content = yaml.load(text, Loader=SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}," if mark else ""
        raise ContractError(f"{where}{line} is not YAML.") from None
    if not isinstance(content, dict) or not content:
        raise ContractError(f"{where} must be a mapping from the names of profiles to their fields.")
    for name, fields in content.items():
        for fault in _faults(name, fields, content):
            raise ContractError(f"{where}, profile {name}: {fault}")
    return {name: Profile(name, fields) for name, fields in content.items()}


def quantity(text: object) -> float | None:
    """Return what a quantity of Kubernetes stands for, as in ``250m`` or ``1Gi``; None for another text."""
    match = _QUANTITY.fullmatch(str(text))
    return float(match[1]) * _UNITS[match[2] or ""] if match and not isinstance(text, bool) else None


def _manifest(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pod with the given fields of a profile."""
    metadata = {field: fields[field] for field in _OF_METADATA if field in fields}
    container: dict[str, Any] = {"name": CONTAINER}
    container |= {field: fields[field] for field in _OF_CONTAINER if field in fields}
    if "resources" in fields:
        container["resources"] = {
            kind: {resource: str(amount) for resource, amount in amounts.items()}
            for kind, amounts in fields["resources"].items()
        }
    spec: dict[str, Any] = {field: fields[field] for field in _OF_POD if field in fields}
    # An init container that is always restarted is what Kubernetes calls a sidecar: it ends with the task.
    sidecars = [{**sidecar, "restartPolicy": "Always"} for sidecar in fields.get("sidecars", ())]
    if sidecars:
        spec["initContainers"] = [*sidecars, *fields.get("initContainers", ())]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, "labels": {**fields.get("labels", {}), LABEL: name}},
        "spec": {**spec, "containers": [container]},
    }


def _faults(name: object, fields: Any, profiles: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a profile, each as one sentence."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield "a name has lower-case letters, digits and hyphens, up to 63 of them."
        return
    if not isinstance(fields, dict):
        yield "it must be a mapping of fields."
        return
    for field, value in fields.items():
        if field not in FIELDS:
            yield f"unknown field {field}. Use {', '.join(sorted(FIELDS))}."
        elif not isinstance(value, FIELDS[field]) or isinstance(value, bool):
            yield f"{field} must be {_TYPES[FIELDS[field]]}, not {value!r}."
    yield from _faults_of_metadata(fields)
    yield from _faults_of_containers(fields)
    yield from _faults_of_resources(fields.get("resources"))
    yield from _faults_of_larger(fields, profiles)


def _faults_of_metadata(fields: Mapping[str, Any]) -> Iterator[str]:
    for field in _OF_METADATA:
        for key, value in fields.get(field, {}).items():
            if key in TAKEN:
                yield f"{field} must not set {key}, which Airflow or this package sets."
            elif not isinstance(value, str):
                yield f"the value of {key} in {field} must be a text: put {value!r} between quotes."


def _faults_of_containers(fields: Mapping[str, Any]) -> Iterator[str]:
    for field in ("initContainers", "sidecars"):
        for container in fields.get(field, ()):
            name = container.get("name") if isinstance(container, dict) else None
            if not name or name == CONTAINER:
                yield f"each of {field} needs a name, and {CONTAINER} is the container of the task."


def _faults_of_resources(resources: Any) -> Iterator[str]:
    needed = "resources must have requests and limits, with memory in both"
    if not isinstance(resources, dict) or not {"requests", "limits"} <= resources.keys():
        yield f"{needed}."
        return
    if unknown := resources.keys() - {"requests", "limits"}:
        yield f"{needed}, and nothing else: not {', '.join(sorted(map(str, unknown)))}."
        return
    for kind, amounts in resources.items():
        if not isinstance(amounts, dict) or "memory" not in amounts:
            yield f"{needed}."
            return
        for resource, amount in amounts.items():
            if quantity(amount) is None:
                yield f"{amount!r} is not a quantity for the {kind} of {resource}; write 500m, 2 or 1Gi."
                return
    request, limit = (resources[kind]["memory"] for kind in ("requests", "limits"))
    if quantity(request) != quantity(limit):
        yield (
            f"the requested memory ({request}) must equal its limit ({limit}). A pod that uses more than it "
            "requested is the first that a full node evicts."
        )


def _faults_of_larger(fields: Mapping[str, Any], profiles: Mapping[str, Any]) -> Iterator[str]:
    larger = fields.get("afterOutOfMemory")
    if larger is None:
        return
    if larger not in profiles:
        yield f"afterOutOfMemory names {larger!r}. The profiles are {', '.join(map(str, profiles))}."
        return
    sizes = [_memory(fields), _memory(profiles[larger])]
    if None not in sizes and not sizes[0] < sizes[1]:  # type: ignore[operator]
        yield f"afterOutOfMemory names {larger}, which has no more memory."


def _memory(fields: Any) -> float | None:
    try:
        return quantity(fields["resources"]["limits"]["memory"])
    except (KeyError, TypeError):
        return None
