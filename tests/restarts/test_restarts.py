"""A part of the stack dies in the middle of a backfill, is started again, and nothing is lost or doubled."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from local.process import Background
from local.stack import AIRFLOW
from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.load import load_month
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from nyc_taxi.samples import write_sample
from tests.extent import extent
from tests.restarts.conftest import DATASETS
from tests.scheduler.runs import content_of, query
from tests.waiting import HANGS, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack

pytestmark = pytest.mark.slow

FIRST = Month("2019-01")
MONTHS = extent(3, 5)
"""Months of each dataset that a backfill loads."""

DEATHS = [
    ("everything", "killed"),
    ("postgres", "killed"),
    ("scheduler", "killed"),
    ("scheduler", "stopped"),
    ("postgres", "stopped"),
    ("triggerer", "killed"),
    ("triggerer", "stopped"),
    ("api-server", "killed"),
    ("api-server", "stopped"),
    ("dag-processor", "killed"),
    ("worker", "killed"),
]
"""What dies, and how; the first of them every day."""

FINAL = {
    Outcome.PUBLISHED,
    Outcome.REPLACED,
    Outcome.SUPERSEDED,
    Outcome.FAILED,
    Outcome.ABANDONED,
}
RUNS = """
    select dag_id, to_char(logical_date, 'YYYY-MM'), state from dag_run
    where run_type = 'backfill' and logical_date between %s and %s
"""
PUBLISHED = "select count(*) from ops.file_ledger where month between %s and %s and outcome = 'published'"
STAGE_TABLES = "select relname from pg_class where relnamespace = 'stage'::regnamespace"


@dataclass(frozen=True)
class Backfill:
    """A backfill of some months of all datasets, and the stack that it runs in.

    :param late: a month of the first dataset whose file is not there yet
    """

    stack: Stack
    months: MonthRange
    late: Month

    def runs(self) -> dict[tuple[str, str], str]:
        """Return the state of every month's run."""
        return {
            (dag_id, month): state
            for dag_id, month, state in query(self.stack.metadata_uri, RUNS, *self._days)
        }

    def published(self) -> int:
        """Return how many months the warehouse holds."""
        (count,) = query(self.stack.warehouse_uri, PUBLISHED, *self._days)[0]
        return int(count)

    def waits(self) -> bool:
        """The month without a file waits in the triggerer."""
        text = """
            select 1 from task_instance join dag_run using (dag_id, run_id)
            where dag_id = %s and logical_date = %s and task_instance.state = 'deferred'
        """
        return query(self.stack.metadata_uri, text, f"{DATASETS[0]}_postgres", self.late.first_day) != []

    def ended(self) -> bool:
        """All runs have ended; whatever part of the stack does not run is started again, as by make up."""
        if not self.stack.running():
            self.stack.start()
        try:
            states = self.runs().values()
        except psycopg.OperationalError:
            return False
        return len(states) == len(DATASETS) * MONTHS and set(states) <= {"success", "failed"}

    @property
    def _days(self) -> tuple[object, object]:
        return self.months.first.first_day, list(self.months)[-1].first_day


def die(stack: Stack, what: str, how: str) -> None:
    """End a part of the stack, and return when it is dead."""
    parts = {name: Background(name, stack.state.processes) for name in AIRFLOW}
    if what == "worker":
        eventually(lambda: at_work(parts["scheduler"]))[0].kill()
    elif how == "stopped":
        stack.postgres.stop("fast") if what == "postgres" else parts[what].stop(patience=5)
    else:
        doomed = [part for name, part in parts.items() if what in {name, "everything"}]
        if what in {"postgres", "everything"}:
            kill(stack.postgres._pid())
            eventually(lambda: not stack.postgres.running())
        for part in doomed:
            kill(part._session)
        eventually(lambda: not any(part.alive() for part in doomed))


def at_work(scheduler: Background) -> list[psutil.Process]:
    """Return the scheduler's workers that run a task: their names say which."""
    found = []
    for process in scheduler.members():
        with suppress(psutil.Error):
            if re.search(r"LocalExecutor: \w{8}-", process.name()):
                found.append(process)
    return found


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


@contextmanager
def watched(backfill: Backfill) -> Iterator[subprocess.Popen[str]]:
    """Start the backfills of all datasets; the command that starts the first one goes on watching it."""
    stack, last = backfill.stack, list(backfill.months)[-1]
    first_dataset, *others = DATASETS
    command = subprocess.Popen(
        (
            *("airflow", "dags", "backfill", f"{first_dataset}_postgres"),
            *("-s", str(backfill.months.first), "-e", str(last), "--unpause"),
        ),
        env=stack.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        for dataset in others:
            days = {"from_date": f"{backfill.months.first}-01T00:00:00Z", "to_date": f"{last}-01T00:00:00Z"}
            stack.api.post("backfills", {"dag_id": f"{dataset}_postgres", "max_active_runs": 8, **days})
            stack.api.unpause(f"{dataset}_postgres")
        yield command
    finally:
        command.kill()
        command.communicate()
        close(stack)


@pytest.mark.parametrize(("what", "how"), DEATHS[: extent(1, len(DEATHS))])
def test_a_backfill_survives(mortal: Stack, what: str, how: str) -> None:
    number = DEATHS.index((what, how))
    first = FIRST.plus(number * MONTHS)
    backfill = Backfill(mortal, MonthRange(first, first.plus(MONTHS - 1)), late=first)
    samples = mortal.state.samples
    for month in backfill.months:
        write_sample(MonthRange(month, month), 500, samples, DATASETS[1:] if month == first else DATASETS)
    with watched(backfill) as command:
        eventually(lambda: backfill.published() >= 1 and backfill.waits())
        time.sleep(random.Random(number).uniform(0, 2))
        die(mortal, what, how)
        mortal.start()
        write_sample(MonthRange(first, first), 500, samples, DATASETS[:1])
        eventually(backfill.ended, seconds=2 * HANGS)
        said, _ = command.communicate(timeout=HANGS)
    assert set(backfill.runs().values()) == {"success"}, failures(backfill)
    assert "Traceback" not in said
    assert command.returncode == 0, said
    assert f"has succeeded for {backfill.months}" in said
    check_rows(backfill)
    check_ledger(backfill)


def failures(backfill: Backfill) -> str:
    """Return the logs of every try of the runs that failed, and the end of the scheduler's own."""
    stack, logs = backfill.stack, []
    for (dag_id, month), state in backfill.runs().items():
        if state == "failed":
            tries = f"logs/dag_id={dag_id}/run_id=backfill__{month}-01T*/task_id=*/*.log"
            logs += sorted(stack.state.airflow.glob(tries))
    logs.append(Background("scheduler", stack.state.processes).log)
    return "\n".join(f"--- {log}\n{log.read_text()[-20_000:]}" for log in logs)


def close(stack: Stack) -> None:
    """Close all backfills: by itself Airflow notices half a minute late that one has ended."""
    for dataset in DATASETS:
        for backfill in stack.api.get("backfills", dag_id=f"{dataset}_postgres")["backfills"]:
            if backfill["completed_at"] is None:
                stack.api.put(f"backfills/{backfill['id']}/cancel")


def check_rows(backfill: Backfill) -> None:
    """Check that readers see what a load of every month without any trouble gives."""
    uri = backfill.stack.postgres.uri("alone")
    alone = PostgresWarehouse(lambda: psycopg.connect(uri), "alone")
    folder = SourceList.parse(str(backfill.stack.state.samples))
    for dataset in DATASETS:
        for month in backfill.months:
            load_month(alone, folder, dataset, month, run_id="alone")
        undisturbed = content_of(uri, dataset, backfill.months)
        assert content_of(backfill.stack.warehouse_uri, dataset, backfill.months) == undisturbed


def check_ledger(backfill: Backfill) -> None:
    """Check that every attempt has ended, or is ended by the next run, and that nothing is left over."""
    uri = backfill.stack.warehouse_uri
    together = PostgresWarehouse(lambda: psycopg.connect(uri), "together")
    for dataset in DATASETS:
        for month in backfill.months:
            together.remove_leftovers(dataset, month)
            attempts = together.ledger.history(dataset, month)
            outcomes = [attempt.outcome for attempt in attempts]
            assert set(outcomes) <= FINAL
            assert outcomes.count(Outcome.PUBLISHED) == 1
            dropped = {Outcome.SUPERSEDED, Outcome.FAILED, Outcome.ABANDONED}
            assert all(attempt.reason for attempt in attempts if attempt.outcome in dropped)
    assert query(uri, STAGE_TABLES) == []
