"""The month of an Airflow run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.core.month import Month, resolve_month
from nyc_taxi.timetables import month_of_date

if TYPE_CHECKING:
    from airflow.sdk import Context

_DAGS_TEST = "dag_test"
"""Airflow's name for the user of ``airflow dags test``, which takes the current time when it gets no date."""


def month_of_run(context: Context) -> Month:
    """Return the month that a run is for, by :func:`nyc_taxi.core.month.resolve_month`.

    The logical date of a scheduled or backfill run is the start of its data interval, and has priority. When
    a backfill takes over a manual run, Airflow changes the run's type but keeps the interval that it had
    inferred for it: only the logical date is the one that was backfilled. The date that somebody gives to
    ``airflow dags test`` names the month, too.

    :param context: the context of any task of the run
    :raises ContractError: when nothing names a month, or two things name different ones
    :raises InvalidMonth: when the parameter or the partition key is not a month
    """
    run = context["dag_run"]
    param = context["params"].get("month")
    date = run.logical_date
    if date and not date.microsecond and not param and run.triggering_user_name == _DAGS_TEST:
        return month_of_date(date)
    return resolve_month(
        run_type=run.run_type.value,
        param=param,
        partition_key=run.partition_key,
        interval_start=date or run.data_interval_start,
    )


def month_of_task(month: str | None, context: Context) -> Month:
    """Return the month that a task is for.

    :param month: the task's own month, as ``YYYY-MM``; None for the run's
    :raises ContractError: as :func:`month_of_run`
    :raises InvalidMonth: when it is not a month
    """
    return Month(month) if month else month_of_run(context)
