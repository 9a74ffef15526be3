"""Installing, upgrading, rolling back, uninstalling and installing again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.conftest import namespace
from tests.cluster.release import Release

if TYPE_CHECKING:
    from local.kubernetes import Cluster

MODES = ("hook", "job", "init")


@pytest.mark.parametrize("mode", MODES)
def test_data_and_secrets_stay_through_the_life_of_a_release(cluster: Cluster, image: str, mode: str) -> None:
    with namespace(cluster, f"cluster-{mode}") as name:
        release = Release(cluster, name, image)
        values = {"migrations": {"mode": mode}}
        release.install(values)
        before = release.secrets()
        assert before
        release.airflow("variables", "set", "kept", "yes")

        release.install({**values, "pods": {"annotations": {"changed": "yes"}}})
        assert is_as_before(release, before)
        assert changed(release) == ["yes"]

        release.helm("rollback", release.name, "1", "--wait", "--timeout", "15m")
        assert is_as_before(release, before)
        assert changed(release) == [None]

        release.helm("uninstall", release.name, "--wait", "--timeout", "5m")
        kinds = ("deployments", "statefulsets", "jobs", "cronjobs", "rolebindings", "networkpolicies")
        assert [one["metadata"]["name"] for kind in kinds for one in release.get(kind, INSTANCE)] == []
        release.install(values)
        assert is_as_before(release, before)


INSTANCE = "app.kubernetes.io/instance"


def is_as_before(release: Release, secrets: dict[str, str]) -> bool:
    """Whether the secrets are the same, and Airflow still has, and can read, what was written."""
    assert release.secrets() == secrets
    return release.airflow("variables", "get", "kept").splitlines()[-1] == "yes"


def changed(release: Release) -> list[str | None]:
    """Return what the schedulers have as the annotation that an upgrade adds."""
    return [
        pod["metadata"]["annotations"].get("changed")
        for pod in release.get("pods", release.component("scheduler"))
        if "deletionTimestamp" not in pod["metadata"]
    ]
