"""The stack of docker-compose.yaml: started, used, stopped, broken."""

from __future__ import annotations

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
from tests.waiting import eventually

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
    """What two months of green are, once a backfill in the scheduler's container has loaded them."""
    stack.inside("scheduler", *BACKFILL)
    found = content_of(stack.warehouse_uri, "green", MONTHS)
    assert [row[:2] for row in found] == [("2021-01", 100_000), ("2021-02", 100_000)]
    return found


def test_the_first_start_is_quick_and_shows_the_password(stack: Compose, start: Start) -> None:
    assert stack.setting("AIRFLOW_PASSWORD") in start.said
    if start.took > HEALTHY_WITHIN and start.load > (os.cpu_count() or 1):
        pytest.skip(f"{start.took.seconds} s until healthy, on a machine that was busy (load {start.load})")
    assert start.took <= HEALTHY_WITHIN


def test_months_that_a_backfill_loaded_are_in_the_marts(
    stack: Compose, loaded: list[tuple[str, int, int]]
) -> None:
    eventually(lambda: months_in_marts(stack) == 2, seconds=180)


def test_all_parts_are_healthy_and_airflow_says_so_too(stack: Compose) -> None:
    assert stack.healthy()
    assert set(stack.api.health().values()) == {"healthy"}
    assert stack.api.import_errors() == []


def test_what_was_loaded_is_there_after_down_and_up(
    stack: Compose, loaded: list[tuple[str, int, int]]
) -> None:
    stack.compose("down")
    said = stack.up()
    assert content_of(stack.warehouse_uri, "green", MONTHS) == loaded
    assert stack.setting("AIRFLOW_PASSWORD") not in said
    assert stack.api.get("dags/green_postgres/dagRuns")["total_entries"] >= 2


def test_a_stack_that_does_nothing_fits_beside_other_programs(stack: Compose) -> None:
    """After a start, that is: what tasks read and wrote stays in memory as the containers' cache of files."""
    told = stack.command(
        "docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", *map(stack.container, SERVICES)
    )
    unit = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}
    used = [re.match(r"([\d.]+)(KiB|MiB|GiB)", line) for line in told.splitlines()]
    total = sum(float(one[1]) * unit[one[2]] for one in used if one)
    assert len(used) == len(SERVICES)
    assert total <= IDLE_MIB


def test_restarts_in_a_row_prepare_safely_again(stack: Compose, loaded: list[tuple[str, int, int]]) -> None:
    before = settings_of(stack)
    for _ in range(RESTARTS):
        stack.compose("restart", "--timeout", "10")
        init = stack.container("init")
        assert stack.command("docker", "wait", init).strip() == "0", stack.compose("logs", "init")
    eventually(stack.healthy, seconds=HEALTHY_WITHIN.seconds)
    assert settings_of(stack) == before
    assert content_of(stack.warehouse_uri, "green", MONTHS) == loaded


@pytest.mark.parametrize("service", KILLED)
def test_a_part_killed_in_the_middle_of_a_backfill_costs_no_row(
    stack: Compose, loaded: list[tuple[str, int, int]], service: str
) -> None:
    eventually(stack.healthy, seconds=HEALTHY_WITHIN.seconds)
    stack.inside("scheduler", "airflow", "taxi", "unload", "green", "2021-01..2021-02", "--yes")
    assert content_of(stack.warehouse_uri, "green", MONTHS) == []
    watching = threading.Thread(
        target=subprocess.run,
        args=(("docker", "compose", "exec", "-T", "scheduler", *BACKFILL, "--reset-dagruns", "--yes"),),
        kwargs={"cwd": stack.folder, "env": stack.environment, "capture_output": True, "check": False},
    )
    watching.start()
    at_work = "select 1 from ops.file_ledger where outcome in ('staging', 'staged', 'audited')"
    eventually(lambda: query(stack.warehouse_uri, at_work), seconds=120)
    stack.kill(service)
    eventually(stack.healthy, seconds=HEALTHY_WITHIN.seconds)
    eventually(lambda: content_of(stack.warehouse_uri, "green", MONTHS) == loaded, seconds=240)
    watching.join(240)


def test_a_part_that_ends_by_itself_is_started_again(stack: Compose) -> None:
    end = "import psutil; [p.kill() for p in psutil.process_iter() if p.cmdline()[1:2] == [%r]]"
    program = stack.inside("triggerer", "which", "airflow").strip()
    ended = ("docker", "inspect", "--format", "{{.RestartCount}}", stack.container("triggerer"))
    before = int(stack.command(*ended))
    stack.inside("triggerer", "python", "-c", end % program)
    eventually(lambda: int(stack.command(*ended)) == before + 1)
    eventually(stack.healthy, seconds=HEALTHY_WITHIN.seconds)


def months_in_marts(stack: Compose) -> int:
    """Return of how many months of green the marts have trips."""
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
