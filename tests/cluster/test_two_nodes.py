"""Two nodes, and two of each component that may be there twice."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.conftest import ROWS, namespace, values
from tests.cluster.release import WITHIN, WORKERS, Release, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.kubernetes import Cluster

FIRST, LAST = "2020-01", "2021-12"
LAST_AGAIN = "2020-08"
"""The last month that is loaded again while something is lost."""

TWICE = {
    "scheduler": {"replicas": 2},
    "apiServer": {"replicas": 2},
    "logs": {"volume": {"accessMode": "ReadWriteMany"}},
}
ONCE = {"scheduler": {"replicas": 1}, "apiServer": {"replicas": 1}}
MONTHS = 24


@pytest.fixture(scope="module")
def nodes(cluster: Cluster) -> list[str]:
    """The names of the nodes that take pods."""
    nodes = json.loads(cluster.kubectl("get", "nodes", "--output", "json").stdout)["items"]
    names = [node["metadata"]["name"] for node in nodes if takes_pods(node["spec"])]
    assert len(names) >= 2, f"these tests need a cluster of two nodes; this one has {names}"
    return names


def takes_pods(spec: dict[str, Any]) -> bool:
    """Whether pods without a toleration may run on a node."""
    return all(taint["effect"] == "PreferNoSchedule" for taint in spec.get("taints", []))


@pytest.fixture(scope="module")
def twice(cluster: Cluster, image: str, mirror: str, nodes: list[str]) -> Iterator[Release]:
    """A release with two schedulers and two API servers, on different nodes, and no database on the last."""
    with namespace(cluster, "cluster-twice") as name:
        release = Release(cluster, name, image)
        release.kubectl("cordon", nodes[-1])
        try:
            release.install({**values(mirror), **TWICE, **ONCE})
        finally:
            release.kubectl("uncordon", nodes[-1])
        release.install({**values(mirror), **TWICE})
        for component in ("scheduler", "api-server"):
            pods = release.get("pods", release.component(component))
            assert len({pod["spec"]["nodeName"] for pod in pods}) == 2, component
        release.airflow("dags", "pause", "transform_postgres")  # or dbt builds each of the 24 months
        yield release


@pytest.fixture(scope="module")
def undisturbed(twice: Release, nodes: list[str]) -> list[tuple[str, ...]]:
    """The content of 24 months, loaded while nothing was lost."""
    with twice.watched() as pods:
        twice.start_backfill(FIRST, LAST)
        wait_for_success(twice)
        twice.wait_until_idle()
    content = twice.content()
    assert [int(row[1]) for row in content] == [ROWS] * MONTHS
    used = Counter(pod["spec"].get("nodeName") for pod in pods.values())
    assert min(used[node] for node in nodes) > len(pods) // 5, used
    return content


def test_months_spread_over_both_nodes_and_leave_no_pod(
    twice: Release, undisturbed: list[tuple[str, ...]]
) -> None:
    assert twice.get("pods", WORKERS) == []


def test_one_scheduler_and_one_api_server_less_change_nothing(
    twice: Release, undisturbed: list[tuple[str, ...]]
) -> None:
    load_again(twice)
    for component in ("scheduler", "api-server"):
        first = twice.get("pods", twice.component(component))[0]["metadata"]["name"]
        twice.kubectl("delete", "pod", first, "--grace-period=0", "--force")
    assert ends_with(twice, undisturbed)


def test_a_lost_node_changes_nothing(
    twice: Release, undisturbed: list[tuple[str, ...]], nodes: list[str]
) -> None:
    lose, restore = os.environ.get("LOSE_NODE"), os.environ.get("RESTORE_NODE")
    if not (lose and restore):
        pytest.skip(
            "LOSE_NODE and RESTORE_NODE are not set: commands that switch off the node $NODE and start it "
            "again, with kind for example LOSE_NODE='docker kill $NODE' RESTORE_NODE='docker start $NODE'"
        )
    node = nodes[-1]
    load_again(twice)
    try:
        subprocess.run(("sh", "-c", lose), env={**os.environ, "NODE": node}, check=True)
        wait_for_success(twice)
        assert twice.content() == undisturbed
    finally:
        subprocess.run(("sh", "-c", restore), env={**os.environ, "NODE": node}, check=True)
    twice.wait_until_idle()  # the pods of a lost node are listed until it is back
    assert twice.content() == undisturbed


def load_again(release: Release) -> None:
    """Remove eight months, start their backfill, and return when the first are being loaded."""
    release.unload(FIRST, LAST_AGAIN)
    assert len(release.content()) == MONTHS - 8
    release.start_backfill(FIRST, LAST_AGAIN)
    release.running_worker("stage")


def ends_with(release: Release, content: list[tuple[str, ...]]) -> bool:
    """Wait for the end of the backfill, and return whether it ended with this content."""
    wait_for_success(release)
    release.wait_until_idle()
    return release.content() == content


def wait_for_success(release: Release) -> None:
    """Return when the backfills of all months have succeeded."""
    eventually(lambda: release.states() == [("success", str(MONTHS))], 2 * WITHIN)
