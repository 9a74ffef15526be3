"""The dates of a backfill, as people in other time zones send them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk import timezone
from airflow.timetables.base import TimeRestriction

from nyc_taxi.core.month import Month
from nyc_taxi.timetables import MonthlyTimetable, first_moment, month_of_date

ZONES = (
    *("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/Los_Angeles"),
    *("Pacific/Honolulu", "Pacific/Auckland", "Australia/Sydney", "America/St_Johns", "Asia/Tokyo"),
)


def months(earliest: datetime, latest: datetime) -> list[str]:
    """Return the months that a backfill between two moments has, as Airflow finds them."""
    timetable, found, info = MonthlyTimetable("0 0 1 * *", timezone="UTC"), [], None
    restriction = TimeRestriction(
        timezone.coerce_datetime(earliest), timezone.coerce_datetime(latest), catchup=True
    )
    while info := timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction):
        assert info.logical_date is not None
        assert info.run_after == info.logical_date, "Airflow names the run by it"
        found.append(f"{info.logical_date:%Y-%m-%dT%H:%M%z}")
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_a_backfill_in_any_time_zone_has_exactly_the_months_named(zone: str) -> None:
    first = datetime(2021, 1, 1, tzinfo=ZoneInfo(zone))
    for day in (1, 2, 31):
        last = datetime(2021, 3, day, tzinfo=ZoneInfo(zone))
        for sent in (last, last.replace(hour=23, minute=59, second=59, microsecond=999_000)):
            assert months(first, sent) == [f"2021-{month:02d}-01T00:00+0000" for month in (1, 2, 3)], sent


@pytest.mark.parametrize("zone", ZONES)
def test_every_date_of_a_year_stands_for_its_month_in_every_time_zone(zone: str) -> None:
    for day in range(365):
        date = datetime(2021, 1, 1, tzinfo=ZoneInfo(zone)) + timedelta(days=day)
        assert month_of_date(date) == Month.of(date.date()), date


def test_months_are_moments_in_utc() -> None:
    assert first_moment(Month("2021-03")) == datetime(2021, 3, 1, tzinfo=UTC)
    assert months(first_moment(Month("2021-03")), first_moment(Month("2021-03"))) == ["2021-03-01T00:00+0000"]
