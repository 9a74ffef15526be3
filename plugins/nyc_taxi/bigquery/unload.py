"""Removing a month: the ledger says so first, and the next look at the month removes rows that were left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.bigquery import attempts
from nyc_taxi.bigquery.lease import PATIENCE, holding_month
from nyc_taxi.bigquery.publish import finish
from nyc_taxi.bigquery.tables import trips
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.supersede import latest_of

if TYPE_CHECKING:
    from nyc_taxi.bigquery.jobs import Jobs
    from nyc_taxi.core.month import Month


def unload_month(jobs: Jobs, dataset: str, month: Month, *, patience: float = PATIENCE) -> int:
    """Remove a month's rows from the warehouse, and let the ledger say so.

    The next run of the month loads it again. Rejected rows and the ledger's history are kept. When a process
    dies in between, the next look at the month removes the rows.

    :param patience: seconds to wait for others that change the same month
    :returns: how many rows were removed, including those that the ledger does not know
    :raises WarehouseBusy: when others have the month; nothing was changed
    """
    jobs = jobs.about(dataset, month)
    with holding_month(jobs, dataset, month, what=f"Unloading {dataset} {month}", patience=patience):
        found = attempts.look(jobs, dataset=dataset, month=month)
        _, found = finish(jobs, dataset, month, found)
        current = latest_of(one.attempt for one in found)
        if current is not None and current.outcome is Outcome.PUBLISHED:
            attempts.update(jobs, current.key, Outcome.UNLOADED, only_from=[Outcome.PUBLISHED])
        values = {"month": ("DATE", month.first_day)}
        return jobs.change("empty_month", values, table=trips(jobs, dataset))
