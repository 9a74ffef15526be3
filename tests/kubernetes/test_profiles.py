"""The file of the pod profiles: what may be in it, and what each fault says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import ContractError
from nyc_taxi.pods import wiring
from nyc_taxi.pods.profile import quantity, read_profiles
from nyc_taxi.pods.wiring import pod_manifest, pod_profile

if TYPE_CHECKING:
    from collections.abc import Callable

SHIPPED = Path(__file__).parents[2] / "include" / "pod_profiles.yaml"
SIZE = "resources: {requests: {memory: 1Gi}, limits: {memory: 1Gi}}"


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Make a text the deployment's profiles, and return their file."""

    def use(text: str) -> Path:
        path = tmp_path / "profiles.yaml"
        path.write_text(text, "utf-8")
        monkeypatch.setenv("AIRFLOW__NYC_TAXI__POD_PROFILES", str(path))
        return path

    return use


def test_each_shipped_profile_has_requests_and_limits_with_as_much_memory_requested_as_allowed() -> None:
    shipped = read_profiles(SHIPPED.read_text("utf-8"), "shipped")

    assert list(shipped) == ["default", "sensor", "load", "load-large", "dbt"]
    for profile in shipped.values():
        resources = profile.fields["resources"]
        assert {kind: set(amounts) for kind, amounts in resources.items()} == {
            kind: {"cpu", "memory", "ephemeral-storage"} for kind in ("requests", "limits")
        }
        assert resources["requests"]["memory"] == resources["limits"]["memory"] == profile.memory
    assert shipped["load"].larger == "load-large"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: b: c", ", line 1, is not YAML."),
        ("", " must be a mapping from the names of profiles to their fields."),
        ("- load", " must be a mapping from the names of profiles to their fields."),
        (
            "Load: {" + SIZE + "}",
            ", profile Load: a name has lower-case letters, digits and hyphens, up to 63 of them.",
        ),
        ("load:", ", profile load: it must be a mapping of fields."),
        (
            "load: {" + SIZE + ", tolerance: []}",
            ", profile load: unknown field tolerance. Use affinity, afterOutOfMemory, annotations, env, "
            "envFrom, image, initContainers, labels, nodeSelector, priorityClassName, resources, "
            "runtimeClassName, serviceAccountName, sidecars, terminationGracePeriodSeconds, tolerations, "
            "topologySpreadConstraints, volumeMounts, volumes.",
        ),
        ("load: {" + SIZE + ", image: 3}", ", profile load: image must be a text, not 3."),
        (
            "load: {" + SIZE + ", labels: {dag_id: x}}",
            ", profile load: labels must not set dag_id, which Airflow or this package sets.",
        ),
        (
            "load: {" + SIZE + ", annotations: {paid: true}}",
            ", profile load: the value of paid in annotations must be a text: put True between quotes.",
        ),
        (
            "load: {" + SIZE + ", sidecars: [{name: base}]}",
            ", profile load: each of sidecars needs a name, and base is the container of the task.",
        ),
        (
            "load: {image: one}",
            ", profile load: resources must have requests and limits, with memory in both.",
        ),
        (
            "load: {resources: {requests: {memory: 1Gi}, limits: {memory: 1Gi}, claims: []}}",
            ", profile load: resources must have requests and limits, with memory in both, and nothing else: "
            "not claims.",
        ),
        (
            "load: {resources: {requests: {memory: 1Gi}, limits: {memory: 1GB}}}",
            ", profile load: '1GB' is not a quantity for the limits of memory; write 500m, 2 or 1Gi.",
        ),
        (
            "load: {resources: {requests: {memory: 1Gi}, limits: {memory: 2Gi}}}",
            ", profile load: the requested memory (1Gi) must equal its limit (2Gi). A pod that uses more "
            "than it requested is the first that a full node evicts.",
        ),
        (
            "load: {" + SIZE + ", afterOutOfMemory: huge}",
            ", profile load: afterOutOfMemory names 'huge'. The profiles are load.",
        ),
        (
            "load: {" + SIZE + ", afterOutOfMemory: load}",
            ", profile load: afterOutOfMemory names load, which has no more memory.",
        ),
    ],
)
def test_a_fault_names_the_file_the_profile_and_what_would_be_right(text: str, fault: str) -> None:
    with pytest.raises(ContractError) as caught:
        read_profiles(text, "pods.yaml")
    assert str(caught.value) == f"pods.yaml{fault}"


def test_an_unknown_profile_is_an_error_on_a_laptop_too_that_lists_the_known_ones(
    profiles: Callable[[str], Path],
) -> None:
    path = profiles("small: {" + SIZE + "}\nlarge: {" + SIZE + "}")

    assert pod_profile("small") == {}
    with pytest.raises(ContractError) as caught:
        pod_profile("lage")
    assert str(caught.value) == f"{path} has no profile 'lage'. Its profiles are small, large."


def test_only_tasks_that_are_pods_need_the_file(
    profiles: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = profiles("")
    path.unlink()
    assert pod_profile("load") == {}

    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "KubernetesExecutor")
    with pytest.raises(ContractError) as caught:
        pod_profile("load")
    assert str(caught.value) == (
        f"The pod profiles could not be read: {path}: No such file or directory. "
        "Set pod_profiles in the section [nyc_taxi] to their file."
    )


def test_a_changed_file_is_read_again(profiles: Callable[[str], Path]) -> None:
    profiles("load: {" + SIZE + "}")
    assert wiring.get_profile("load").memory == "1Gi"
    profiles("load: {" + SIZE.replace("1Gi", "3Gi") + "}")
    assert wiring.get_profile("load").memory == "3Gi"


def test_each_field_gets_to_its_place_in_the_pod(profiles: Callable[[str], Path]) -> None:
    profiles(
        """
load:
  resources: {requests: {cpu: 0.5, memory: 1Gi}, limits: {cpu: 2, memory: 1Gi}}
  labels: {team: data}
  annotations: {owner: us}
  image: taxi:other
  env: [{name: A, value: b}]
  nodeSelector: {pool: big}
  terminationGracePeriodSeconds: 60
  initContainers: [{name: wait, image: busybox}]
  sidecars: [{name: proxy, image: proxy}]
  volumes: [{name: scratch, emptyDir: {}}]
  volumeMounts: [{name: scratch, mountPath: /scratch}]
"""
    )

    assert pod_manifest("load") == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"labels": {"team": "data", "profile": "load"}, "annotations": {"owner": "us"}},
        "spec": {
            "containers": [
                {
                    "name": "base",
                    "image": "taxi:other",
                    "resources": {
                        "requests": {"cpu": "0.5", "memory": "1Gi"},
                        "limits": {"cpu": "2", "memory": "1Gi"},
                    },
                    "env": [{"name": "A", "value": "b"}],
                    "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
                }
            ],
            "initContainers": [
                {"name": "proxy", "image": "proxy", "restartPolicy": "Always"},
                {"name": "wait", "image": "busybox"},
            ],
            "nodeSelector": {"pool": "big"},
            "terminationGracePeriodSeconds": 60,
            "volumes": [{"name": "scratch", "emptyDir": {}}],
        },
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", 0.5), ("2", 2), (2, 2), ("1Gi", 2**30), ("1.5G", 1.5e9), ("1GB", None), (True, None)],
)
def test_a_quantity_is_that_of_kubernetes(text: object, value: float | None) -> None:
    assert quantity(text) == value
