"""The month of an Airflow run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.core.month import Month, resolve_month

if TYPE_CHECKING:
    from airflow.sdk import Context


def month_of_run(context: Context) -> Month:
    """Return the month that a run is for, by :func:`nyc_taxi.core.month.resolve_month`.

    The logical date of a scheduled or backfill run is the start of its data interval, and has priority. When
    a backfill takes over a manual run, Airflow changes the run's type but keeps the interval that it had
    inferred for it: only the logical date is the one that was backfilled.

    :param context: the context of any task of the run
    :raises ContractError: when nothing names a month, or two things name different ones
    :raises InvalidMonth: when the parameter or the partition key is not a month
    """
    run = context["dag_run"]
    return resolve_month(
        run_type=run.run_type.value,
        param=context["params"].get("month"),
        partition_key=run.partition_key,
        interval_start=run.logical_date or run.data_interval_start,
    )


def month_of_task(month: str | None, context: Context) -> Month:
    """Return the month that a task is for.

    :param month: the task's own month, as ``YYYY-MM``; None for the run's
    :raises ContractError: as :func:`month_of_run`
    :raises InvalidMonth: when it is not a month
    """
    return Month(month) if month else month_of_run(context)
