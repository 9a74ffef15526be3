"""The schedule of the ingest DAGs, which understands the dates of a backfill in any time zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import timezone
from airflow.timetables.base import TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable

from nyc_taxi.core.month import Month

if TYPE_CHECKING:
    from airflow.timetables.base import DagRunInfo, DataInterval
    from airflow.utils.types import DagRunType
    from pendulum import DateTime

_EASTERNMOST = timedelta(hours=13)
"""How long before UTC's midnight New Zealand's summer has its own; nowhere is it later by more than 11 h."""


def month_of_date(moment: datetime) -> Month:
    """Return the month of the date that a moment stands for.

    A named date arrives as its midnight, or its last second, in the sender's time zone: that of
    ``[core] default_timezone`` from Airflow's command line, that of the browser from its forms. Either
    way the date is the same at noon in UTC, give or take half a day.

    :param moment: midnight or the last second of a date in any time zone from UTC-10 to UTC+13
    """
    at = moment.astimezone(UTC)
    if at.minute % 15 == 14 and at.second in {0, 59}:  # the end of the day, as the form sends it
        at += timedelta(minutes=1) - timedelta(days=1)
    return Month.of((at + _EASTERNMOST).date())


def first_moment(month: Month) -> datetime:
    """Return the start of a month in UTC, which is the logical date of its run."""
    return datetime.combine(month.first_day, time(), UTC)


class MonthlyTimetable(CronDataIntervalTimetable):
    """One data interval per month, where a backfill has the months of its dates.

    Airflow's own backfill compares moments. With ``default_timezone`` in New York, 2021-01-01 is five
    hours after the start of the run for January; in Berlin, 2021-03-01 is an hour before that for March.
    """

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the run after another one, in a range of months that dates stand for.

        A run of a backfill may begin when its month does, and Airflow names it by that moment.
        """
        if not restriction.catchup:
            return super().next_dagrun_info(
                last_automated_data_interval=last_automated_data_interval, restriction=restriction
            )
        # A backfill: the DAG itself does not catch up.
        earliest, latest = (
            timezone.coerce_datetime(first_moment(month_of_date(moment))) if moment else None
            for moment in (restriction.earliest, restriction.latest)
        )
        found = super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval,
            restriction=TimeRestriction(earliest, latest, catchup=True),
        )
        if found is None or found.data_interval is None:
            return found
        return found._replace(run_after=found.data_interval.start)

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """Return the id of a run: of a scheduled one, ``scheduled__2021-01``."""
        if data_interval is None or run_type.value != "scheduled":
            return super().generate_run_id(
                run_type=run_type, run_after=run_after, data_interval=data_interval, **extra
            )
        return run_type.generate_run_id(suffix=f"{data_interval.start:%Y-%m}")
