"""What the chart renders: valid objects, restricted pods, names and labels that stay, and every switch."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import kubernetes_validate
import pytest

from tests.helm.chart import (
    CHART,
    EVERYTHING,
    KUBERNETES,
    OWN_DATABASES,
    RELEASE,
    Values,
    containers,
    environment,
    find,
    names,
    pods,
    render,
    run,
    worker_pod,
)
from tests.helm.security import violations

MODES: list[tuple[Values, tuple[str, ...]]] = [
    ({}, ()),
    (EVERYTHING, ()),
    ({"migrations": {"mode": "init"}, "logs": {"volume": {"accessMode": "ReadWriteMany"}}}, ()),
    ({"migrations": {"mode": "hook"}}, ("--is-upgrade",)),
]
ARE_OF_OTHERS = {"HTTPRoute", "ServiceMonitor"}
"""Kinds that Kubernetes itself does not know."""


def test_helm_finds_no_fault() -> None:
    assert "0 chart(s) failed" in run("lint", "--strict", str(CHART))


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_object_is_valid_for_kubernetes(version: str) -> None:
    seen = set()
    for values, arguments in MODES:
        rendered = render(values, *arguments)
        for one in (*rendered, worker_pod(rendered)):
            if one["kind"] in ARE_OF_OTHERS or (key := repr(one)) in seen:
                continue
            seen.add(key)
            kubernetes_validate.validate(one, version, strict=True)
    assert len(seen) > 60


def test_a_misspelt_field_of_an_object_would_be_found() -> None:
    service = deepcopy(find(render(), "Service", "api-server"))
    service["spec"]["selectors"] = service["spec"].pop("selector")
    with pytest.raises(kubernetes_validate.ValidationError, match="selectors"):
        kubernetes_validate.validate(service, KUBERNETES[0], strict=True)


@pytest.mark.parametrize(("values", "arguments"), MODES)
def test_every_pod_is_restricted_and_has_bounds(values: Values, arguments: tuple[str, ...]) -> None:
    found = list(pods(render(values, *arguments)))
    assert {"api-server", "scheduler", "dag-processor", "triggerer", "cleanup-pods", "worker"} <= dict(
        found
    ).keys()
    for component, pod in found:
        assert violations(pod) == [], component
        assert pod["spec"]["enableServiceLinks"] is False
        for container in containers(pod):
            resources = container["resources"]
            assert {"cpu", "memory"} <= resources["requests"].keys(), component
            assert "memory" in resources["limits"], component
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, component


@pytest.mark.parametrize(
    "change",
    [
        lambda spec: spec["securityContext"].pop("seccompProfile"),
        lambda spec: spec["containers"][0]["securityContext"].pop("capabilities"),
        lambda spec: spec["containers"][0]["securityContext"].update(allowPrivilegeEscalation=True),
        lambda spec: spec["containers"].append({"name": "more"}),
        lambda spec: spec["volumes"].append({"name": "node", "hostPath": {"path": "/"}}),
        lambda spec: spec.update(hostPID=True),
        lambda spec: spec["securityContext"].update(runAsUser=0),
    ],
)
def test_a_pod_that_is_not_restricted_would_be_found(change: Any) -> None:
    pod = deepcopy(worker_pod(render()))
    change(pod["spec"])
    assert violations(pod)


def test_names_are_short_enough_for_the_longest_release() -> None:
    limits = {"CronJob": 52}
    for one in render(release="r" * 53):
        assert len(one["metadata"]["name"]) <= limits.get(one["kind"], 63), one["metadata"]["name"]


def test_what_kubernetes_never_lets_change_is_the_same_with_other_values() -> None:
    before, after = (
        render(),
        render({**EVERYTHING, "secrets": {}, "gitops": False, "metadata": {}, "warehouse": {}}),
    )
    fixed = ("selector", "serviceName", "volumeClaimTemplates")
    compared = 0
    for one in before:
        if one["kind"] in {"Deployment", "StatefulSet"}:
            other = find(after, one["kind"], one["metadata"]["name"].removeprefix(f"{RELEASE}-"))
            for field in fixed:
                assert one["spec"].get(field) == other["spec"].get(field)
                compared += field in one["spec"]
            selected = one["spec"]["selector"]["matchLabels"].items()
            assert selected <= one["spec"]["template"]["metadata"]["labels"].items()
    assert compared == 10


def test_a_job_is_another_one_in_each_revision() -> None:
    """Kubernetes refuses to change the pod of a Job."""
    jobs = [names(render(values), "Job") for values in ({}, {"image": {"tag": "2"}})]
    assert jobs[0].isdisjoint(jobs[1])


SWITCHES: list[tuple[Values, set[tuple[str, str]]]] = [
    ({"networkPolicies": {"enabled": False}}, {("NetworkPolicy", "worker"), ("NetworkPolicy", "metadata")}),
    ({"cleanupPods": {"enabled": False}}, {("CronJob", "cleanup-pods"), ("Role", "cleanup-pods")}),
    ({"cleanupMetadata": {"enabled": False}}, {("CronJob", "cleanup-metadata")}),
    ({"logs": {"volume": {"existingClaim": "mine"}}}, {("PersistentVolumeClaim", "logs")}),
    (
        {"warehouses": ["bigquery"], "bigquery": {"project": "p", "bucket": "b"}},
        {("StatefulSet", "warehouse")},
    ),
    (OWN_DATABASES, {("StatefulSet", "metadata"), ("StatefulSet", "warehouse"), ("Service", "metadata")}),
    ({"worker": {"serviceAccount": {"name": "mine"}}}, {("ServiceAccount", "worker")}),
]
ADDITIONS: list[tuple[Values, set[tuple[str, str]]]] = [
    ({"apiServer": {"autoscaling": {"enabled": True}}}, {("HorizontalPodAutoscaler", "api-server")}),
    ({"scheduler": {"replicas": 2}}, {("PodDisruptionBudget", "scheduler")}),
    ({"ingress": {"enabled": True, "host": "a.example"}}, {("Ingress", "api-server")}),
    ({"httpRoute": EVERYTHING["httpRoute"]}, {("HTTPRoute", "api-server")}),
    (
        {"metrics": {"enabled": True}},
        {("Deployment", "statsd"), ("Service", "statsd"), ("NetworkPolicy", "statsd")},
    ),
    ({"metrics": {"enabled": True, "serviceMonitor": {"enabled": True}}}, {("ServiceMonitor", "statsd")}),
    (
        {"dbt": {"cronJob": {"enabled": True}}},
        {("CronJob", "dbt"), ("ServiceAccount", "dbt"), ("NetworkPolicy", "dbt")},
    ),
    ({"resourceQuota": {"pods": 10}}, {("ResourceQuota", "quota")}),
    ({"extraObjects": EVERYTHING["extraObjects"]}, {("ConfigMap", "mine")}),
    ({"worker": {"launchesPods": True}}, {("Role", "worker"), ("Role", "triggerer")}),
]
SHARED: Values = {"logs": {"volume": {"accessMode": "ReadWriteMany"}}}


def kinds_and_names(values: Values) -> set[tuple[str, str]]:
    return {(one["kind"], one["metadata"]["name"].removeprefix(f"{RELEASE}-")) for one in render(values)}


@pytest.mark.parametrize(("values", "missing"), SWITCHES)
def test_what_is_switched_off_is_not_there(values: Values, missing: set[tuple[str, str]]) -> None:
    assert missing <= kinds_and_names({})
    assert missing.isdisjoint(kinds_and_names(values))


@pytest.mark.parametrize(("values", "added"), ADDITIONS)
def test_what_is_switched_on_is_there(values: Values, added: set[tuple[str, str]]) -> None:
    assert added.isdisjoint(kinds_and_names({}))
    assert added <= kinds_and_names({**SHARED, **values})


def test_an_autoscaler_decides_alone_how_many_pods_there_are() -> None:
    assert find(render(), "Deployment", "api-server")["spec"]["replicas"] == 1
    assert "replicas" not in find(render(EVERYTHING), "Deployment", "api-server")["spec"]


def test_extensions_reach_every_pod_of_airflow_and_a_component_its_own() -> None:
    seen = 0
    for component, pod in pods(render(EVERYTHING)):
        if component == "statsd":
            continue
        seen += 1
        (container,) = pod["spec"]["containers"]
        assert environment(container)["EXTRA"] == "1", component
        assert ("OWN" in environment(container)) == (component == "scheduler")
        assert {"name": "more", "mountPath": "/more"} in container["volumeMounts"]
        assert {"name": "more", "emptyDir": {}} in pod["spec"]["volumes"]
        assert container["envFrom"] == [{"configMapRef": {"name": "more"}}]
        assert pod["metadata"]["labels"]["team"] == "taxi"
        assert pod["metadata"]["annotations"]["note"] == "text"
        assert pod["spec"]["nodeSelector"] == {"disk": "ssd"}
        assert pod["spec"]["priorityClassName"] == "high"
        assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
        assert (container["image"], container["imagePullPolicy"]) == ("registry.example/taxi:1", "Always")
    assert seen >= 8


def test_a_variable_of_ones_own_replaces_the_charts() -> None:
    values = {"pods": {"env": [{"name": "TMPDIR", "value": "/more"}]}}
    (container,) = worker_pod(render(values))["spec"]["containers"]
    assert [one for one in container["env"] if one["name"] == "TMPDIR"] == [
        {"name": "TMPDIR", "value": "/more"}
    ]


def test_the_pods_of_a_volume_for_one_node_are_kept_together() -> None:
    together = {component for component, pod in pods(render()) if "affinity" in pod["spec"]}
    mounting = {
        component
        for component, pod in pods(render())
        if any(
            volume.get("persistentVolumeClaim", {}).get("claimName") == f"{RELEASE}-logs"
            for volume in pod["spec"]["volumes"]
        )
    }
    assert together == mounting == {"api-server", "scheduler", "triggerer", "worker"}
    assert not [component for component, pod in pods(render(SHARED)) if "affinity" in pod["spec"]]


def test_pods_of_a_component_spread_over_nodes_if_there_are_several() -> None:
    spread = {
        component for component, pod in pods(render(EVERYTHING)) if "topologySpreadConstraints" in pod["spec"]
    }
    assert spread == {"api-server", "scheduler", "dag-processor", "triggerer"}


def test_new_pods_of_an_upgrade_spread_whatever_nodes_the_old_ones_are_on() -> None:
    for component, pod in pods(render(EVERYTHING)):
        for constraint in pod["spec"].get("topologySpreadConstraints", []):
            assert constraint["matchLabelKeys"] == ["pod-template-hash"], component


def test_images_have_a_version() -> None:
    for _, pod in (*pods(render()), *pods(render(EVERYTHING))):
        for container in containers(pod):
            assert re.search(r"(:(?!latest)[\w.-]+|@sha256:\w{64})$", container["image"])


def test_a_digest_takes_the_place_of_the_tag() -> None:
    digest = f"sha256:{'0' * 64}"
    pod = worker_pod(render({"image": {"digest": digest}}))
    assert pod["spec"]["containers"][0]["image"] == f"nyc-taxi-airflow@{digest}"
