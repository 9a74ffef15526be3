"""Staging tables and months: their names, and how many rows they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.bigquery.failures import failures
from nyc_taxi.bigquery.jobs import RETRY, identifier
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from nyc_taxi.bigquery.jobs import Jobs
    from nyc_taxi.load.attempt import Key


def stage_name(key: Key) -> str:
    """Return the name of an attempt's staging table, which no other attempt shares."""
    month = key.month.text.replace("-", "_")
    return f"{get_dataset(key.dataset).table}_{month}_{key.id}"


def trips(jobs: Jobs, dataset: str) -> str:
    """Return a dataset's table as part of a statement."""
    return identifier(jobs.place.raw, get_dataset(dataset).table)


def stage(jobs: Jobs, key: Key) -> str:
    """Return an attempt's staging table as part of a statement."""
    return identifier(jobs.place.stage, stage_name(key))


def drop_table(jobs: Jobs, name: str) -> None:
    """Drop a staging table, if it is there."""
    with failures(jobs.name):
        jobs.client.delete_table(jobs.table(jobs.place.stage, name), retry=RETRY, not_found_ok=True)


def count_month(jobs: Jobs, dataset: str, month: Month) -> int:
    """Return how many rows a reader sees for a month; counting reads, and bills, no bytes."""
    values = {"month": ("DATE", month.first_day)}
    return sum(rows for (rows,) in jobs.rows("count_month", values, table=trips(jobs, dataset)))


def per_day(jobs: Jobs, dataset: str, months: Sequence[Month]) -> dict[Month, dict[date, int]]:
    """Return how many trips of some months began on each day of their month; it bills their pickups."""
    found: dict[Month, dict[date, int]] = {month: {} for month in months}
    values = {"months": ("ARRAY<DATE>", [month.first_day for month in months])}
    pickup = identifier(get_dataset(dataset).pickup)
    for first_day, day, rows in jobs.rows("per_day", values, table=trips(jobs, dataset), pickup=pickup):
        found[Month.of(first_day)][day] = rows
    return found


def count_months(jobs: Jobs, dataset: str) -> dict[Month, int]:
    """Return how many rows a reader sees for each month that has any."""
    rows = jobs.rows("count_months", table=trips(jobs, dataset))
    return {Month.of(first_day): found for first_day, found in rows}
