"""Backfills through a real scheduler, by Airflow's own command and by the one that Airflow 2 had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.samples import write_sample
from tests.scheduler.runs import airflow, content, ledger, months_loaded_by
from tests.waiting import eventually

if TYPE_CHECKING:
    from local.stack import Stack

pytestmark = pytest.mark.slow

MONTHS = ["2021-01", "2021-02", "2021-03"]


def backfill_runs(stack: Stack, dag_id: str) -> dict[str, dict[str, Any]]:
    """Return the backfill runs of a DAG by the first day that their interval starts with."""
    runs = stack.api.get(f"dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
    return {run["logical_date"][:10]: run for run in runs if run["run_type"] == "backfill"}


def loaded(stack: Stack, dataset: str) -> list[Any]:
    """Return all that three months are in the warehouse: rows, their hash, and every attempt."""
    rows = [month for month in content(stack, dataset) if month[0] in MONTHS]
    return [rows, [ledger(stack, dataset, month) for month in MONTHS]]


def check_three_months(stack: Stack, dataset: str) -> list[Any]:
    """Check that there are three backfill runs, each of which loaded its month, and return the months."""
    runs = backfill_runs(stack, f"{dataset}_postgres")
    assert sorted(runs) == [str(Month(month).first_day) for month in MONTHS]
    for day, run in runs.items():
        assert run["state"] == "success"
        assert (dataset, day[:7]) in months_loaded_by(stack, run["dag_run_id"])
    rows, attempts = found = loaded(stack, dataset)
    assert [month for month, _, _ in rows] == MONTHS
    for (_, count, _), attempt in zip(rows, attempts, strict=True):
        published = attempt[-1]
        assert published["outcome"] == "published"
        assert published["rows_in_file"] == count == published["rows_loaded"] + published["rows_rejected"]
    return found


def create(stack: Stack, dag_id: str, *options: str) -> None:
    """Call ``airflow backfill create`` for the three months, and wait until its runs have ended."""
    words = ("--dag-id", dag_id, "--from-date", "2021-01-01", "--to-date", "2021-03-01", *options)
    done = airflow(stack, "backfill", "create", *words)
    assert done.returncode == 0, done.stdout + done.stderr

    def ended() -> bool:
        """All runs of the backfill have ended."""
        return {run["state"] for run in backfill_runs(stack, dag_id).values()} <= {"success", "failed"}

    eventually(ended)
    close(stack)


def close(stack: Stack) -> None:
    """Close all backfills whose runs have ended: by itself Airflow notices that half a minute late."""
    with psycopg.connect(stack.metadata_uri) as connection:
        connection.execute("update backfill set completed_at = now() where completed_at is null")


def test_backfill_create_makes_three_runs_and_again_changes_nothing(running_stack: Stack) -> None:
    create(running_stack, "yellow_postgres")
    found = check_three_months(running_stack, "yellow")
    create(running_stack, "yellow_postgres", "--reprocess-behavior", "completed")
    assert check_three_months(running_stack, "yellow") == found


def test_dags_backfill_makes_three_runs_and_waits_for_them(running_stack: Stack) -> None:
    backfill = ("dags", "backfill", "fhv_postgres", "-s", "2021-01", "-e", "2021-03-01")
    done = airflow(running_stack, *backfill)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fhv_postgres has succeeded for 2021-01..2021-03" in done.stdout
    assert "3 of 3, 3 succeeded" in done.stderr
    found = check_three_months(running_stack, "fhv")

    close(running_stack)
    forced = airflow(running_stack, *backfill, "--reset-dagruns", "-y", "-c", '{"force": true}')
    assert forced.returncode == 0, forced.stdout + forced.stderr
    rows, attempts = check_three_months(running_stack, "fhv")
    assert rows == found[0]
    for before, after in zip(found[1], attempts, strict=True):
        assert [row["outcome"] for row in after] == ["replaced"] * len(before) + ["published"]


def test_a_month_without_a_file_is_waited_for(running_stack: Stack) -> None:
    words = ("dags", "backfill", "yellow_postgres", "-s", "2020-05", "--no-wait")
    assert airflow(running_stack, *words).returncode == 0
    run = backfill_runs(running_stack, "yellow_postgres")["2020-05-01"]["dag_run_id"]

    def waits() -> bool:
        """The run waits in the triggerer."""
        states = [task["state"] for task in running_stack.api.tasks("yellow_postgres", run)]
        return "deferred" in states

    eventually(waits)
    (number,) = [
        backfill["id"]
        for backfill in running_stack.api.get("backfills", dag_id="yellow_postgres")["backfills"]
        if not backfill["completed_at"]
    ]
    running_stack.api.put(f"backfills/{number}/cancel")
    running_stack.api.patch(f"dags/yellow_postgres/dagRuns/{run}", {"state": "failed"})


def test_a_backfill_that_takes_over_a_run_started_by_hand_loads_the_month_that_it_names(
    running_stack: Stack,
) -> None:
    write_sample(MonthRange.parse("2020-09..2020-10"), 100, running_stack.state.samples, ("green",))
    run = "by_hand_without_a_month"
    month = ("--logical-date", "2020-10-01", "-r", run)
    assert airflow(running_stack, "dags", "trigger", "green_postgres", *month).returncode == 0
    assert running_stack.api.wait("green_postgres", run) == "failed"

    words = ("--from-date", "2020-10-01", "--to-date", "2020-10-01", "--reprocess-behavior", "failed")
    done = airflow(running_stack, "backfill", "create", "--dag-id", "green_postgres", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    eventually(lambda: ledger(running_stack, "green", "2020-10"))
    assert running_stack.api.wait("green_postgres", run) == "success"
    # Airflow keeps the interval that it had inferred for the run: September.
    assert months_loaded_by(running_stack, run) == [("green", "2020-10")]
    assert ledger(running_stack, "green", "2020-09") == []
