"""The cluster of kubectl, and releases of the chart in it. Without a cluster, these tests fail."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import pytest

from local.environment import CHECKOUT
from local.kubernetes import Cluster
from tests.cluster.release import Release, eventually, run

if TYPE_CHECKING:
    from collections.abc import Iterator

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
MIRROR = "http://mirror.cluster-mirror.svc:8000"
MONTHS = "2020-01..2021-12"
ROWS = 20_000
SERVER = ("__init__", "errors", "file_server", "files", "samples")
"""The modules of ``local`` that the mirror runs."""


MARTS = "select count(distinct file_month) from marts.fct_trips where dataset = 'green'"


@dataclass(frozen=True)
class Loaded:
    """Three months that an undisturbed backfill loaded.

    :param content: month, rows and a hash of the rows
    :param pods: the pods of its tasks, and of those of dbt, by name
    """

    content: list[tuple[str, ...]]
    pods: dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster that CONTEXT names, or the one of kind, k3d or minikube that kubectl uses."""
    return Cluster.chosen(os.environ.get("CONTEXT", ""))


@pytest.fixture(scope="session")
def image(cluster: Cluster) -> str:
    """The image of this checkout, or the one that IMAGE names."""
    return cluster.image(os.environ.get("IMAGE", ""))


KEEP = os.environ.get("KEEP") == "1"
"""Whether namespaces stay, to look at them, or to run some tests again on what is installed."""


@contextmanager
def namespace(cluster: Cluster, name: str) -> Iterator[str]:
    """Create a namespace that admits only pods of the restricted level, and delete it with all in it."""
    kubectl = ("kubectl", "--context", cluster.context)
    if not KEEP:
        run(*kubectl, "delete", "namespace", name, "--ignore-not-found")
    if not run(*kubectl, "get", "namespace", name, "--ignore-not-found"):
        run(*kubectl, "create", "namespace", name)
        run(*kubectl, "label", "namespace", name, RESTRICTED)
    try:
        yield name
    finally:
        if not KEEP:
            run(*kubectl, "delete", "namespace", name)


@pytest.fixture(scope="session")
def mirror(cluster: Cluster, image: str) -> Iterator[str]:
    """The address of a web server in the cluster with made-up months."""
    with namespace(cluster, "cluster-mirror") as name:
        here = Release(cluster, name, image)
        code = (f"--from-file={CHECKOUT / 'local' / module}.py" for module in SERVER)
        here.kubectl("delete", "configmap", "mirror", "--ignore-not-found")
        here.kubectl("create", "configmap", "mirror", *code)
        manifest = Template(Path(__file__).with_name("mirror.yaml").read_text())
        filled = manifest.substitute(IMAGE=image, MONTHS=MONTHS, ROWS=ROWS)
        here.kubectl("apply", "--filename", "-", text=filled)
        here.kubectl("rollout", "status", "deployment/mirror", "--timeout=15m")
        yield MIRROR


def values(mirror: str) -> dict[str, Any]:
    """Return the values of a release that loads from the mirror, and retries soon."""
    env = {"NYC_TAXI_SOURCES": mirror, "AIRFLOW__NYC_TAXI__RETRY_DELAY": "1"}
    to = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "cluster-mirror"}}}
    return {
        "pods": {"env": [{"name": name, "value": value} for name, value in env.items()]},
        "dbt": {"cronJob": {"enabled": True, "schedule": "0 0 1 1 *"}},
        "networkPolicies": {"egress": [{"to": [to], "ports": [{"port": 8000}]}]},
    }


@pytest.fixture(scope="session")
def release(cluster: Cluster, image: str, mirror: str) -> Iterator[Release]:
    """A release with one pod of each component."""
    with namespace(cluster, "cluster-once") as name:
        release = Release(cluster, name, image)
        release.install(values(mirror))
        yield release


@pytest.fixture(scope="session")
def loaded(release: Release) -> Loaded:
    """Three months of green, and the marts of them."""
    with release.watched() as pods:
        release.start_backfill("2021-01", "2021-03")
        eventually(lambda: months_in_marts(release) == 3)
        release.wait_until_idle()
    return Loaded(release.content(), pods)


def months_in_marts(release: Release) -> int:
    """Return how many months of green the marts have."""
    if release.query("warehouse", "select to_regclass('marts.fct_trips')") == [("",)]:
        return 0
    ((months,),) = release.query("warehouse", MARTS)
    return int(months)
