"""Whether months can be loaded into a place, for the Test button of its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.api_core import exceptions

from nyc_taxi.bigquery.failures import failures
from nyc_taxi.bigquery.jobs import RETRY
from nyc_taxi.errors import WarehouseRefused

if TYPE_CHECKING:
    from nyc_taxi.bigquery.jobs import Jobs


def check(jobs: Jobs) -> str:
    """Return one sentence about a place that can be used; storage and BigQuery are both asked.

    :raises WarehouseRefused: when bucket or datasets are missing, or in another location
    """
    place = jobs.place
    with failures(jobs.name):
        found = place.storage().lookup_bucket(place.bucket)
        if found is None:
            raise WarehouseRefused(f"There is no bucket {place.bucket}. Run setup_gcp, which creates it.")
        for id in (place.raw, place.stage, place.ops):
            try:
                dataset = jobs.client.get_dataset(f"{place.project}.{id}", retry=RETRY)
            except exceptions.NotFound:
                raise WarehouseRefused(
                    f"The project {place.project} has no dataset {id}. Run setup_gcp, which creates it."
                ) from None
            if dataset.location and dataset.location.lower() != place.location.lower() and not place.emulated:
                raise WarehouseRefused(
                    f"The dataset {id} is in {dataset.location}, and the connection says {place.location}. "
                    "Correct the location of the connection, or give it a prefix for new datasets."
                )
    for _ in jobs.rows("clock"):
        return f"BigQuery in {place.location}, project {place.project}, bucket {place.bucket}."
    raise WarehouseRefused(f"The warehouse {jobs.name} answered a query without a row.")
