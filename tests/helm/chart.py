"""Rendering the chart with the real Helm, once per set of values."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes_validate import utils as schemas

from local.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

CHART = CHECKOUT / "helm" / "nyc-taxi"
RELEASE = "taxi"
NAMESPACE = "rides"
KUBERNETES = ("1.33", "1.34", "1.35", "1.36", "1.37")
"""The versions of Kubernetes that the chart is for."""

Manifest = dict[str, Any]
Values = dict[str, Any]

OWN_DATABASES: Values = {
    "metadata": {"host": "metadata.example", "port": 5433},
    "warehouse": {"host": "warehouse.example"},
    "secrets": {"name": "my-secrets"},
}
EXTENDED: Values = {
    "env": [{"name": "EXTRA", "value": "1"}],
    "envFrom": [{"configMapRef": {"name": "more"}}],
    "volumes": [{"name": "more", "emptyDir": {}}],
    "volumeMounts": [{"name": "more", "mountPath": "/more"}],
    "labels": {"team": "taxi"},
    "annotations": {"note": "text"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "taxi", "operator": "Exists"}],
    "priorityClassName": "high",
}
EVERYTHING: Values = {
    **OWN_DATABASES,
    "gitops": True,
    "image": {"repository": "registry.example/taxi", "tag": "1", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "registry"}],
    "warehouses": ["postgres", "bigquery"],
    "bigquery": {"project": "my-project", "bucket": "my-bucket", "maximumBytesBilled": 10_000_000_000},
    "secrets": {"name": "my-secrets", "bigqueryKey": {"name": "google", "key": "key.json"}},
    "logs": {"store": "remote", "remote": {"url": "gs://my-logs/airflow"}},
    "pods": EXTENDED,
    "apiServer": {
        "autoscaling": {"enabled": True},
        "serviceAccount": {"annotations": {"iam.gke.io/gcp-service-account": "ui@my-project"}},
    },
    "scheduler": {"replicas": 2, "pod": {"env": [{"name": "OWN", "value": "2"}]}},
    "dagProcessor": {"replicas": 2},
    "triggerer": {"replicas": 2},
    "worker": {"launchesPods": True, "serviceAccount": {"name": "mine"}},
    "ingress": {"enabled": True, "host": "taxi.example", "tlsSecretName": "certificate"},
    "httpRoute": {
        "enabled": True,
        "hostnames": ["taxi.example"],
        "parentRefs": [{"name": "gateway", "namespace": "network"}],
    },
    "metrics": {"enabled": True, "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
    "dbt": {"cronJob": {"enabled": True}},
    "resourceQuota": {"requests.memory": "32Gi", "pods": 100},
    "extraObjects": [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "{{ .Release.Name }}-mine"},
            "data": {"key": "value"},
        }
    ],
}
"""Every switch of the chart that is off by default, together with databases and Secrets of one's own."""


# It would read megabytes for each object.
schemas.schema_contents = cache(schemas.schema_contents)


class Refused(Exception):
    """The chart did not render; the text is the chart's sentence."""


def helm() -> str:
    """Return the path of Helm: of this environment, or else of the PATH."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    found = shutil.which("helm", path=path)
    assert found, (
        "There is no program helm. On this machine, install Helm 3.17 or newer, and run the tests again."
    )
    return found


def render(values: Values | None = None, *arguments: str, release: str = RELEASE) -> list[Manifest]:
    """Return the objects of a release, without looking at a cluster.

    :raises Refused: with the chart's own sentence
    """
    return list(_render(json.dumps(values or {}), arguments, release))


@cache
def _render(values: str, arguments: tuple[str, ...], release: str) -> tuple[Manifest, ...]:
    text = run(
        "template", release, str(CHART), "--namespace", NAMESPACE, "--values", "-", *arguments, stdin=values
    )
    return tuple(one for one in yaml.load_all(text, yaml.CSafeLoader) if one)


def run(*arguments: str, stdin: str = "") -> str:
    """Run Helm, and return its output.

    :raises Refused: when it fails
    """
    done = subprocess.run([helm(), *arguments], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr.rpartition("error calling fail: ")[2].partition("\n\n")[0])
    return done.stdout


def find(objects: list[Manifest], kind: str, name: str) -> Manifest:
    """Return the object of a kind and a name, which begins with the release's."""
    (found,) = [
        one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, f"{RELEASE}-{name}")
    ]
    return found


def names(objects: list[Manifest], kind: str) -> set[str]:
    """Return the names of all objects of a kind, without the release's."""
    return {one["metadata"]["name"].removeprefix(f"{RELEASE}-") for one in objects if one["kind"] == kind}


def pods(objects: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Give every pod of a release as template of it, by component; the one of tasks is ``worker``."""
    for one in objects:
        spec = one.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            yield template["metadata"]["labels"]["app.kubernetes.io/component"], template
    yield "worker", worker_pod(objects)


def worker_pod(objects: list[Manifest]) -> Manifest:
    """Return the pod of a task before its profile is applied."""
    template: Manifest = yaml.safe_load(find(objects, "ConfigMap", "pod-templates")["data"]["worker.yaml"])
    return template


def containers(pod: Manifest) -> list[Manifest]:
    """Return the containers of a pod, also those that run before."""
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def environment(container: Manifest) -> dict[str, str]:
    """Return the variables of a container that have a literal value."""
    return {one["name"]: one["value"] for one in container.get("env", ()) if "value" in one}


def secret_files(pod: Manifest) -> dict[str, str]:
    """Return the Secrets of a pod's volumes as ``name/key``, by the name of the file."""
    return {
        item["path"]: f"{source['secret']['name']}/{item['key']}"
        for volume in pod["spec"].get("volumes", ())
        for source in volume.get("projected", {}).get("sources", ())
        for item in source["secret"]["items"]
    }
