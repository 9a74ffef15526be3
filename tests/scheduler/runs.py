"""What the tests of real runs look at."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import psycopg

from tests.waiting import HANGS

if TYPE_CHECKING:
    from pathlib import Path

    from local.stack import Stack
    from nyc_taxi.core.month import MonthRange

LEDGER = """
    select outcome, rows_in_file, rows_loaded, rows_rejected, sha256, run_id
    from ops.file_ledger
    where dataset = %s and to_char(month, 'YYYY-MM') = %s
    order by id
"""


def ledger(stack: Stack, dataset: str, month: str) -> list[dict[str, Any]]:
    """Return the ledger's rows of a month, oldest first."""
    with psycopg.connect(stack.warehouse_uri, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute(LEDGER, (dataset, month)).fetchall()


def months_loaded_by(stack: Stack, run_id: str) -> list[tuple[str, str]]:
    """Return dataset and month of everything that a run loaded."""
    query = "select dataset, to_char(month, 'YYYY-MM') from ops.file_ledger where run_id = %s order by 1, 2"
    with psycopg.connect(stack.warehouse_uri) as connection:
        return connection.execute(query, (run_id,)).fetchall()


def query(uri: str, text: str, *values: Any) -> list[Any]:
    """Return the rows of one query."""
    with psycopg.connect(uri) as connection:
        return connection.execute(text, values).fetchall()


def content(stack: Stack, dataset: str) -> list[tuple[str, int, int]]:
    """Return month, rows and a hash of the rows for all that readers see of a dataset."""
    return content_of(stack.warehouse_uri, dataset)


def content_of(uri: str, dataset: str, months: MonthRange | None = None) -> list[tuple[str, int, int]]:
    """Return the same for a warehouse, of some months or of all."""
    text = f"""
        select to_char(file_month, 'YYYY-MM'), count(*), sum(hashtextextended(trips::text, 0))
        from raw.{dataset}_tripdata as trips
        where %s::date[] is null or file_month = any(%s)
        group by 1 order by 1
    """
    days = [month.first_day for month in months] if months else None
    return query(uri, text, days, days)


def command(stack: Stack, *words: str, timeout: float = HANGS) -> subprocess.CompletedProcess[str]:
    """Run a command in the stack's environment."""
    return subprocess.run(
        words, env=stack.environment(), capture_output=True, text=True, timeout=timeout, check=False
    )


def warm_airflow(stack: Stack) -> Path:
    """Return the path of an ``airflow`` that is imported already, in the stack's environment."""
    return stack.folder / "warm" / "airflow"


def airflow(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Airflow in the stack's environment, as a fork of one that is imported already."""
    return command(stack, str(warm_airflow(stack)), *words)


def task_state(stack: Stack, dag_id: str, run_id: str, task_id: str) -> str | None:
    """Return the state of one task of a run."""
    states = {task["task_id"]: task["state"] for task in stack.api.tasks(dag_id, run_id)}
    state: str | None = states.get(task_id)
    return state


def log_of(stack: Stack, dag_id: str, run_id: str, task_id: str) -> str:
    """Return the log of a task's last try, with what Airflow keeps of an exception."""
    task = next(task for task in stack.api.tasks(dag_id, run_id) if task["task_id"] == task_id)
    found = stack.api.get(
        f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{task['try_number']}",
        full_content=True,
    )
    return "\n".join(map(str, found["content"]))
