"""When the taxi DAGs run, wait and retry: the only place that says so.

What a deployment can change is read from the section ``[nyc_taxi]`` of Airflow's configuration, whose
defaults are in ``provider.yaml``. What decides what a month means is fixed here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import CronTriggerTimetable, PartitionedAssetTimetable
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert

from nyc_taxi import options
from nyc_taxi.deadlines import RunCreated
from nyc_taxi.notices import notifier
from nyc_taxi.pods.wiring import pod_profile
from nyc_taxi.retries import TaxiRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk.bases.timetable import BaseTimetable

    from nyc_taxi.targets import Target

TLC_CONN_ID = "nyc_tlc_default"
"""Connection that lists the sources of the files."""

PRODUCTS_CONN_ID = "products_api"
"""Connection of the products API that the getting_started DAG reads."""

TIMEZONE = "UTC"
"""Time zone of every schedule. A data interval from midnight to midnight UTC names its month."""

INGEST_CRON = "0 0 1 * *"
"""A month's run is created when the month is over. With a later hour, a backfill to the first day of a
month would skip that month."""

RECHECK_CRON = "0 6 * * 1"
"""The recheck for republished files runs on Monday mornings."""

START_DATE = datetime(2009, 1, 1, tzinfo=UTC)
"""The first month that TLC ever published; backfills cannot reach further back."""

ASK_JITTER = 0.1
"""Share by which the time between two requests varies, either way."""

MAX_RETRY_DELAY = timedelta(minutes=10)
"""Longest delay before a retry."""

ASK_INTERVAL = timedelta(seconds=options.number("ask_interval"))
"""Time between two requests about a month that is not published yet."""

GIVE_UP_AFTER = timedelta(seconds=options.number("give_up_after"))
"""Time that a run waits for its file before it fails."""

OVERDUE_AFTER = timedelta(seconds=options.number("overdue_after"))
"""Time after which the month of a run that has not succeeded is overdue; zero for never."""

MAX_ACTIVE_RUNS = options.number("max_active_runs")
"""Runs of one ingest DAG at a time, including those that wait."""

RETRIES = options.number("retries")
"""How often a task is retried."""

RETRY_DELAY = timedelta(seconds=options.number("retry_delay"))
"""Delay before the first retry, and before any after a task whose process was killed."""

TARGETS = options.configured_targets()
"""The warehouses that this deployment uses."""

OWNER = options.text("owner")
"""Owner of the DAGs."""

DBT_PROGRAM = options.text("dbt_program")
"""The dbt program, in its own environment."""

DBT_PROJECT = options.text("dbt_project")
"""Folder of the dbt project; empty for ``dbt_project`` next to the folder of the DAGs."""

DBT_TARGET = options.text("dbt_target")
"""dbt's target in runs that nobody started manually."""

DBT_THREADS = options.number("dbt_threads")
"""How many models dbt builds at once."""

DBT_ARTIFACTS = options.text("dbt_artifacts")
"""Folder for the statements, results and logs of dbt's calls."""

DBT_DOCS = options.text("dbt_docs")
"""URL of the folder where the documentation of the dbt project is published."""


def ingest_timetable() -> BaseTimetable:
    """Return the schedule of the ingest DAGs: one data interval per month."""
    from nyc_taxi.timetables import MonthlyTimetable

    return MonthlyTimetable(INGEST_CRON, timezone=TIMEZONE)  # type: ignore[return-value]  # the scheduler's base class


def recheck_timetable() -> BaseTimetable:
    """Return the schedule of the recheck for republished files."""
    return CronTriggerTimetable(RECHECK_CRON, timezone=TIMEZONE)


def transform_timetable(target: Target) -> BaseTimetable:
    """Return the schedule of the DAG that builds the marts: one run per month that a warehouse receives."""
    from nyc_taxi.assets import raw_asset
    from nyc_taxi.partitions import MonthOfDataset

    return PartitionedAssetTimetable(
        assets=raw_asset(target.name),
        default_partition_mapper=MonthOfDataset(),  # type: ignore[arg-type]  # the scheduler's base class
    )


def overdue() -> DeadlineAlert | None:
    """Return the deadline of a run that loads a month; None when the deployment sets none."""
    if not OVERDUE_AFTER:
        return None
    return DeadlineAlert(
        name="Overdue month",
        reference=RunCreated(),
        interval=OVERDUE_AFTER,
        callback=AsyncCallback(notifier()),
    )


def default_args() -> dict[str, Any]:
    """Return the arguments that all tasks share: the owner, when to retry, and the pod profile ``default``.

    The deployment's notifier reports failed tasks.

    A contract error fails at once, because a retry cannot help. Tasks late in a chain have priority, so
    that a month that was begun is finished before the next one takes its slot in the pool.
    """
    reported = {"on_failure_callback": [notifier()()]} if options.text("notifier") else {}
    return {
        **reported,
        "owner": OWNER,
        "retries": RETRIES,
        "retry_delay": RETRY_DELAY,
        "retry_policy": TaxiRetryPolicy(RETRIES, RETRY_DELAY, MAX_RETRY_DELAY),
        "weight_rule": "upstream",
        "executor_config": pod_profile("default"),
    }


def tags(*more: str) -> list[str]:
    """Return the tags of a DAG: the tag of all taxi DAGs, and more."""
    return ["nyc-taxi", *more]
