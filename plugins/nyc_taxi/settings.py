"""When the taxi DAGs run, ask, wait and retry: the one place that says so.

What a deployment may change is read from the section ``[nyc_taxi]`` of Airflow's configuration, whose
defaults are in ``provider.yaml``. What a month means is fixed here. ``docs/settings.md`` and
``docs/schedules.md`` show the same values to people, and tests keep them equal.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import (
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    ExceptionRetryPolicy,
    PartitionedAssetTimetable,
)
from airflow.sdk.definitions.retry_policy import RetryAction, RetryRule

from nyc_taxi import options
from nyc_taxi.errors import ContractError

if TYPE_CHECKING:
    from airflow.sdk.bases.timetable import BaseTimetable

TLC_CONN_ID = "nyc_tlc_default"
"""Connection that names the sources of the files."""

POSTGRES_CONN_ID = "postgres_taxi"
"""Connection of the Postgres warehouse."""

PRODUCTS_CONN_ID = "products_api"
"""Connection of the products API that the getting_started DAG reads."""

TIMEZONE = "UTC"
"""Zone of every schedule. A data interval from midnight to midnight UTC names its month."""

INGEST_CRON = "0 0 1 * *"
"""A month's run is created when the month is over. A later hour would make a backfill to the first
day of a month leave that month out."""

RECHECK_CRON = "0 6 * * 1"
"""Republished files are looked for on Monday mornings."""

START_DATE = datetime(2009, 1, 1, tzinfo=UTC)
"""The first month that TLC ever published; backfills cannot reach further back. Nothing is caught up."""

ASK_JITTER = 0.1
"""Share by which the time between two questions is varied, either way."""

RETRY_BACKOFF = 2.0
"""Factor between one retry's delay and the next one's."""

MAX_RETRY_DELAY = timedelta(hours=1)
"""No retry waits longer than this."""

ASK_INTERVAL = timedelta(seconds=options.number("ask_interval"))
"""Time between two questions about a month that is not published yet."""

GIVE_UP_AFTER = timedelta(seconds=options.number("give_up_after"))
"""Time that a run waits for its file before it fails."""

MAX_ACTIVE_RUNS = options.number("max_active_runs")
"""Runs of one ingest DAG at a time, waiting ones included."""

RETRIES = options.number("retries")
"""How often a task is tried again."""

RETRY_DELAY = timedelta(seconds=options.number("retry_delay"))
"""Time before the first retry."""

POOL = options.text("pool")
"""Pool of the tasks that write a month to the warehouse."""

OWNER = options.text("owner")
"""Owner of the DAGs."""

DBT_PROGRAM = options.text("dbt_program")
"""The dbt of an environment of its own."""

DBT_PROJECT = options.text("dbt_project")
"""Folder of the dbt project; empty for the one beside the DAGs."""

DBT_TARGET = options.text("dbt_target")
"""Target of dbt's runs that nobody started by hand."""

DBT_THREADS = options.number("dbt_threads")
"""How many models dbt builds at once."""

DBT_ARTIFACTS = options.text("dbt_artifacts")
"""Folder in which dbt's calls leave statements, results and logs."""

DBT_DOCS = options.text("dbt_docs")
"""URL of the folder where the documentation of the dbt project is published."""


def ingest_timetable() -> BaseTimetable:
    """Return the schedule of the ingest DAGs: one data interval a month."""
    return CronDataIntervalTimetable(INGEST_CRON, timezone=TIMEZONE)


def recheck_timetable() -> BaseTimetable:
    """Return the schedule on which republished files are looked for."""
    return CronTriggerTimetable(RECHECK_CRON, timezone=TIMEZONE)


def transform_timetable() -> BaseTimetable:
    """Return what starts the DAG that builds the marts: a month's arrival, of whichever dataset."""
    from nyc_taxi.assets import raw_asset
    from nyc_taxi.partitions import MonthOfDataset

    return PartitionedAssetTimetable(
        assets=raw_asset("postgres"),
        default_partition_mapper=MonthOfDataset(),  # type: ignore[arg-type]  # the scheduler's own base class
    )


def default_args() -> dict[str, Any]:
    """Return what all tasks have in common: the owner, and when to try again.

    A contract error fails at once, because trying again cannot help. Tasks late in a chain go first, so
    that a month once begun is finished before the next one takes its place in the pool.
    """
    return {
        "owner": OWNER,
        "retries": RETRIES,
        "retry_delay": RETRY_DELAY,
        "retry_exponential_backoff": RETRY_BACKOFF,
        "max_retry_delay": MAX_RETRY_DELAY,
        "retry_policy": ExceptionRetryPolicy(
            rules=[RetryRule(exception=ContractError, action=RetryAction.FAIL)],
        ),
        "weight_rule": "upstream",
    }


def tags(*more: str) -> list[str]:
    """Return the tags of a DAG: the ones of all taxi DAGs and its own."""
    return ["nyc-taxi", *more]
