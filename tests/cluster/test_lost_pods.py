"""Pods that are lost in the middle of a backfill cost no row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.conftest import values
from tests.cluster.release import WORKERS, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.conftest import Loaded
    from tests.cluster.release import Release

pytestmark = pytest.mark.usefixtures("without_dbt")

FIRST, LAST = "2021-01", "2021-03"


@pytest.fixture(scope="module")
def without_dbt(release: Release, loaded: Loaded) -> Iterator[None]:
    """Keep dbt from building each month that is loaded."""
    release.airflow("dags", "pause", "transform_postgres")
    yield
    release.airflow("dags", "unpause", "transform_postgres")


def delete_scheduler(release: Release) -> None:
    release.running_worker("stage")
    release.kubectl("delete", "pod", "--selector", release.component("scheduler"), "--wait=false")


def kill_scheduler(release: Release) -> None:
    release.running_worker("stage")
    release.kubectl(
        "delete", "pod", "--selector", release.component("scheduler"), "--grace-period=0", "--force"
    )


def delete_worker(release: Release) -> None:
    release.kubectl("delete", "pod", release.running_worker("stage"), "--wait=false")


def kill_worker(release: Release) -> None:
    pod = release.running_worker("stage")
    release.kubectl("delete", "pod", pod, "--grace-period=0", "--force")


@pytest.mark.parametrize("lose", [delete_scheduler, kill_scheduler, delete_worker, kill_worker])
def test_a_backfill_ends_with_the_same_rows(
    release: Release, loaded: Loaded, lose: Callable[[Release], None]
) -> None:
    release.unload(FIRST, LAST)
    assert release.content() == []
    release.start_backfill(FIRST, LAST)
    lose(release)
    eventually(lambda: release.content() == loaded.content)
    release.wait_until_idle()
    assert release.content() == loaded.content
    assert release.states() == [("success", "3")]


def test_a_worker_that_is_out_of_memory_is_repeated_with_the_next_larger_profile(
    release: Release, loaded: Loaded, mirror: str
) -> None:
    too_little = {"requests": {"cpu": "250m", "memory": "128Mi"}, "limits": {"memory": "128Mi"}}
    release.install({**values(mirror), "podProfiles": {"load": {"resources": too_little}}})
    try:
        with release.watched() as pods:
            release.unload(FIRST, LAST)
            release.start_backfill(FIRST, LAST)
            eventually(lambda: release.content() == loaded.content)
            release.wait_until_idle()
    finally:
        release.kubectl("delete", "pods", "--selector", WORKERS, "--field-selector", "status.phase=Failed")
        release.install(values(mirror))
    assert release.states() == [("success", "3")]
    stages = [pod for pod in pods.values() if pod["metadata"]["labels"]["task_id"] == "stage"]
    used = sorted((pod["metadata"]["labels"]["profile"], ended(pod)) for pod in stages)
    assert used == [("load", "OOMKilled")] * 3 + [("load-large", "Completed")] * 3


def ended(pod: dict[str, Any]) -> str:
    """Return why a pod's container ended."""
    (status,) = pod["status"]["containerStatuses"]
    return str(status["state"]["terminated"]["reason"])
