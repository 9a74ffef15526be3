"""A backfill and dbt, whose tasks run as pods."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from local.environment import CHECKOUT
from tests.cluster.conftest import ROWS
from tests.cluster.release import eventually

if TYPE_CHECKING:
    from tests.cluster.conftest import Loaded
    from tests.cluster.release import Release

PROFILES = yaml.safe_load((CHECKOUT / "include" / "pod_profiles.yaml").read_text())
EXPECTED = {
    "wait_for_file": "sensor",
    "stage": "load",
    "audit": "default",
    "publish": "default",
    "dbt": "dbt",
}
"""The profile of each kind of task that the test looks at."""

SEARCH = """
import json, os, pathlib, sys
secrets = json.load(sys.stdin)
places = [path for path in pathlib.Path("/proc").glob("[0-9]*/*") if path.name in ("environ", "cmdline")]
for root in ("/etc", "/run", "/tmp", "/var", "/opt/airflow", "/home/airflow", "/mnt", "/secrets"):
    for folder, _, files in os.walk(root):
        places += [pathlib.Path(folder, file) for file in files]
found = []
for place in places:
    try:
        if place.is_file() and place.stat().st_size < 4_000_000:
            content = place.read_bytes()
            found += [(name, str(place)) for name, secret in secrets.items() if secret.encode() in content]
    except OSError:
        pass
json.dump({"found": found, "searched": len(places)}, sys.stdout)
"""
"""Prints where a container has secrets; they come on standard input, so that they are in no file."""


def test_a_backfill_of_three_months_loads_them_and_dbt_builds_the_marts(loaded: Loaded) -> None:
    assert [row[:2] for row in loaded.content] == [(f"2021-0{month}", str(ROWS)) for month in (1, 2, 3)]
    ran = [pod["metadata"]["labels"]["task_id"] for pod in loaded.pods.values()]
    assert all(ran.count(task) >= 3 for task in ("wait_for_file", "stage", "audit", "publish"))
    assert "dbt" in ran


def test_each_pod_has_the_requests_and_limits_of_its_profile(loaded: Loaded) -> None:
    seen = set()
    for pod in loaded.pods.values():
        labels = pod["metadata"]["labels"]
        (base,) = (one for one in pod["spec"]["containers"] if one["name"] == "base")
        wanted = PROFILES[labels["profile"]]["resources"]
        assert base["resources"] == wanted, pod["metadata"]["name"]
        seen.add((labels["task_id"], labels["profile"]))
    assert set(EXPECTED.items()) <= seen


def test_the_log_of_a_pod_that_is_gone_can_be_read(release: Release, loaded: Loaded) -> None:
    with release.api() as api:
        runs = api.get("dags/green_postgres/dagRuns", state="success", run_type="backfill")["dag_runs"]
        for task in ("wait_for_file", "stage", "audit", "publish"):
            path = f"dags/green_postgres/dagRuns/{runs[0]['dag_run_id']}/taskInstances/{task}"
            tries = api.get(path)["try_number"]
            log = json.dumps(api.get(f"{path}/logs/{tries}", full_content=True)["content"])
            assert "nyc_taxi" in log, task
            assert "not found" not in log.lower(), task


def test_a_running_pod_holds_no_secret_of_airflow(release: Release, loaded: Loaded) -> None:
    secrets = {name: value for name, value in release.secrets().items() if "warehouse" not in name}
    assert len(secrets) >= 4
    with release.api() as api:
        run = api.trigger("transform_postgres", {"months": "2021-01"})
    pod = release.running_worker("dbt")
    said = release.inside(pod, "python", "-c", SEARCH, text=json.dumps(secrets))
    searched = json.loads(said)
    assert searched["found"] == []
    assert searched["searched"] > 100
    api_server = release.inside(
        f"deployment/{release.name}-api-server", "python", "-c", SEARCH, text=json.dumps(secrets)
    )
    assert json.loads(api_server)["found"], "the search finds nothing where there is something"
    environment = release.inside(pod, "env")
    assert "SQL_ALCHEMY_CONN" not in environment
    assert "FERNET" not in environment
    state = "select state from dag_run where run_id = '" + run + "'"
    assert eventually(lambda: ended(release, state)) == "success"


def ended(release: Release, text: str) -> str | None:
    """Return the state that a query asks for, once it is final."""
    ((state,),) = release.query("metadata", text)
    return state if state in {"success", "failed"} else None
