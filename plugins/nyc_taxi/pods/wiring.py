"""A task's pod profile, as the KubernetesExecutor wants it."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.configuration import conf

from nyc_taxi import options
from nyc_taxi.errors import ContractError
from nyc_taxi.pods.profile import Profile, read_profiles

if TYPE_CHECKING:
    from collections.abc import Mapping


def pod_profile(name: str) -> dict[str, Any]:
    """Return a task's ``executor_config`` with a pod profile; empty where no task runs as a pod.

    The profile is checked wherever the file is, so that a DAG that works on a laptop works on Kubernetes. An
    Airflow whose tasks are no pods needs no file.

    :param name: a profile of the file that the option ``pod_profiles`` names
    :raises ContractError: when there is no such profile, or one that cannot be right
    """
    pods = tasks_are_pods()
    if not pods and not profiles_file().exists():
        return {}
    profile = get_profile(name)
    if not pods:
        return {}
    if "AIRFLOW_IS_K8S_EXECUTOR_POD" in os.environ:
        return {}  # the pod is there already, and importing the client of Kubernetes takes a second
    return {"pod_override": as_pod(profile.manifest(), f"{profiles_file()}, profile {name}")}


def tasks_are_pods() -> bool:
    """Whether this deployment runs tasks as pods."""
    return "KubernetesExecutor" in conf.get("core", "executor")


def pod_manifest(name: str) -> dict[str, Any]:
    """Return the manifest of a pod with a profile, for a ``KubernetesPodOperator`` (``pod_template_dict``).

    :param name: as for :func:`pod_profile`
    :raises ContractError: as there
    """
    return get_profile(name).manifest()


def get_profile(name: str) -> Profile:
    """Return a profile of the deployment.

    :raises ContractError: when there is no such profile, or one that cannot be right
    """
    path = profiles_file()
    try:
        profiles = _profiles(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise ContractError(
            f"The pod profiles could not be read: {path}: {error.strerror}. Set pod_profiles in the section "
            f"[{options.SECTION}] to their file."
        ) from None
    if name not in profiles:
        raise ContractError(f"{path} has no profile {name!r}. Its profiles are {', '.join(profiles)}.")
    return profiles[name]


def profiles_file() -> Path:
    """Return the file of the profiles: the configured one, or ``include``'s next to the DAGs' folder."""
    default = Path(conf.get("core", "dags_folder")).parent / "include" / "pod_profiles.yaml"
    return Path(options.text("pod_profiles") or default)


def as_pod(manifest: Mapping[str, Any], where: str) -> Any:
    """Return a manifest as an object of the Kubernetes client.

    :param where: where the manifest comes from, for messages
    :raises ContractError: when the client does not know a field, or has another type for it
    """
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

    try:
        pod = PodGenerator.deserialize_model_dict(dict(manifest))
    except (ValueError, TypeError, AttributeError) as error:
        raise ContractError(f"{where}: Kubernetes has no such pod: {error}") from None
    if lost := _lost(manifest, PodGenerator.serialize_pod(pod), ""):
        raise ContractError(f"{where}: Kubernetes does not know {lost}, or wants another value for it.")
    return pod


@lru_cache(maxsize=4)
def _profiles(path: Path, _: int) -> dict[str, Profile]:
    """Return the profiles of a file, which is read again when it has changed."""
    return read_profiles(path.read_text("utf-8"), str(path))


def _lost(given: Any, kept: Any, place: str) -> str:
    """Return the place of a value that the client did not keep; empty when it kept all."""
    if isinstance(given, dict) and isinstance(kept, dict):
        pairs = [(value, kept.get(key), f"{place}.{key}".lstrip(".")) for key, value in given.items()]
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        pairs = [(value, kept[index], f"{place}[{index}]") for index, value in enumerate(given)]
    else:
        return "" if given == kept else place
    return next(filter(None, (_lost(*pair) for pair in pairs)), "")
