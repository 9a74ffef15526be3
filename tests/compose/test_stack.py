"""The stack of docker-compose.yaml is started, used, stopped and broken."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from datetime import timedelta

import pytest

from nyc_taxi.core.month import MonthRange
from tests.compose.stack import SERVICES, Compose, Start
from tests.extent import extent
from tests.scheduler.runs import content_of, query
from tests.waiting import HANGS, eventually

pytestmark = pytest.mark.slow

MONTHS = MonthRange.parse("2021-01..2021-02")
BACKFILL = ("airflow", "dags", "backfill", "green_postgres", "-s", "2021-01-01", "-e", "2021-02-28")
MARTS = "select count(distinct file_month) from marts.fct_trips where dataset = 'green'"
RESTARTS = extent(2, 20)
KILLED = SERVICES if extent(0, 1) else ("scheduler", "warehouse", "metadata")
HEALTHY_WITHIN = timedelta(seconds=90)
IDLE_MIB = 1536


@pytest.fixture(scope="module")
def loaded(stack: Compose) -> list[tuple[str, int, int]]:
    """The content of two months of green, loaded by a backfill in the scheduler's container."""
    stack.inside("scheduler", *BACKFILL)
    found = content_of(stack.warehouse_uri, "green", MONTHS)
    assert [row[:2] for row in found] == [("2021-01", 100_000), ("2021-02", 100_000)]
    return found


def test_the_first_start_is_quick_and_shows_the_password(stack: Compose, start: Start) -> None:
    assert stack.secret("airflow_password") in start.output
    if start.took > HEALTHY_WITHIN and start.load > (os.cpu_count() or 1):
        pytest.skip(f"{start.took.seconds} s until healthy, on a machine that was busy (load {start.load})")
    assert start.took <= HEALTHY_WITHIN


def test_months_that_a_backfill_loaded_are_in_the_marts(
    stack: Compose, loaded: list[tuple[str, int, int]]
) -> None:
    # dbt has built the month of another test before, which takes minutes on a busy machine.
    eventually(lambda: months_in_marts(stack) == 2, 5 * HANGS)


def test_all_components_are_healthy_and_airflow_agrees(stack: Compose) -> None:
    assert stack.healthy()
    assert set(stack.api.health().values()) == {"healthy"}
    assert stack.api.import_errors() == []


def test_no_environment_holds_a_secret_and_each_service_has_only_its_own(stack: Compose) -> None:
    # The beginning of each, which no format escapes
    known = [path.read_text()[:10] for path in (stack.folder / "secrets").iterdir()]
    services = json.loads(stack.compose("config", "--format", "json"))["services"]
    assert {*SERVICES, "init"} < services.keys()
    for name, service in services.items():
        (container,) = json.loads(stack.command("docker", "inspect", stack.container(name)))
        assert not [secret for secret in known if secret in json.dumps(container)], name
        mounted = {mount["Destination"] for mount in container["Mounts"]}
        assert {path for path in mounted if path.startswith("/run/secrets/")} == {
            f"/run/secrets/{secret['source']}" for secret in service.get("secrets", ())
        }
    printed = stack.inside("scheduler", "env") + stack.compose("config")
    assert not [secret for secret in known if secret in printed]


def test_what_was_loaded_is_there_after_down_and_up(
    stack: Compose, loaded: list[tuple[str, int, int]]
) -> None:
    stack.compose("down")
    output = stack.up()
    assert content_of(stack.warehouse_uri, "green", MONTHS) == loaded
    assert stack.secret("airflow_password") not in output
    assert stack.api.get("dags/green_postgres/dagRuns")["total_entries"] >= 2


def test_an_idle_stack_leaves_memory_to_other_programs(stack: Compose) -> None:
    """Measured after a start, because later the containers' page cache counts as well."""
    lines = stack.command(
        "docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", *map(stack.container, SERVICES)
    )
    unit = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}
    used = [re.match(r"([\d.]+)(KiB|MiB|GiB)", line) for line in lines.splitlines()]
    total = sum(float(one[1]) * unit[one[2]] for one in used if one)
    assert len(used) == len(SERVICES)
    assert total <= IDLE_MIB


@pytest.mark.parametrize("service", ["warehouse", "metadata"])
def test_a_database_survives_when_an_orphan_in_its_container_is_killed(stack: Compose, service: str) -> None:
    """As after a health check that took too long"""
    user = {"warehouse": "taxi", "metadata": "airflow"}[service]
    ask = ("psql", "--username", user, "--no-align", "--tuples-only", "--command")
    process = "select pid from pg_stat_activity where backend_type = 'checkpointer'"
    before = stack.inside(service, *ask, process)
    stack.inside(service, "sh", "-c", "sh -c 'sleep 1; kill -PIPE $$' >/dev/null 2>&1 &")
    stack.inside(service, "sleep", "3")
    assert stack.inside(service, *ask, process) == before


def test_restarts_in_a_row_change_nothing(stack: Compose, loaded: list[tuple[str, int, int]]) -> None:
    before = settings_of(stack)
    for _ in range(RESTARTS):
        stack.compose("restart")
        init = stack.container("init")
        assert stack.command("docker", "wait", init).strip() == "0", stack.compose("logs", "init")
    eventually(stack.healthy)
    assert settings_of(stack) == before
    assert content_of(stack.warehouse_uri, "green", MONTHS) == loaded


@pytest.mark.parametrize("service", KILLED)
def test_a_component_killed_during_a_backfill_costs_no_row(
    stack: Compose, loaded: list[tuple[str, int, int]], service: str
) -> None:
    eventually(stack.healthy)
    stack.inside("scheduler", "airflow", "taxi", "unload", "green", "2021-01..2021-02", "--yes")
    assert content_of(stack.warehouse_uri, "green", MONTHS) == []
    watching = threading.Thread(
        target=subprocess.run,
        args=(("docker", "compose", "exec", "-T", "scheduler", *BACKFILL, "--reset-dagruns", "--yes"),),
        kwargs={"cwd": stack.folder, "env": stack.environment, "capture_output": True, "check": False},
    )
    watching.start()
    running = "select 1 from ops.file_ledger where outcome in ('staging', 'staged', 'audited')"
    eventually(lambda: query(stack.warehouse_uri, running))
    stack.kill(service)
    eventually(stack.healthy)
    eventually(lambda: content_of(stack.warehouse_uri, "green", MONTHS) == loaded)
    watching.join(HANGS)


@pytest.mark.parametrize("cause", ["it exits", "its code changes"])
def test_a_component_is_restarted_when(stack: Compose, cause: str) -> None:
    starts = ("docker", "inspect", "--format", "{{.RestartCount}}", stack.container("triggerer"))
    before = int(stack.command(*starts))
    if cause == "it exits":
        stack.inside("triggerer", "sh", "-c", "kill -s KILL $(cat /proc/1/task/1/children)")
    else:
        (stack.folder / "plugins" / "nyc_taxi" / "changed.py").touch()
    eventually(lambda: int(stack.command(*starts)) > before)
    eventually(stack.healthy)


def months_in_marts(stack: Compose) -> int:
    """Return how many months of green the marts have."""
    if query(stack.warehouse_uri, "select to_regclass('marts.fct_trips')") == [(None,)]:
        return 0
    ((months,),) = query(stack.warehouse_uri, MARTS)
    return int(months)


def settings_of(stack: Compose) -> list[str]:
    """Return Airflow's connections, pools and variables as Airflow lists them."""
    return [
        stack.inside("scheduler", "airflow", what, "list", "-o", "json")
        for what in ("connections", "pools", "variables")
    ]
