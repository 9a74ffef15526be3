"""The bucket and the datasets, created when they are missing and never changed afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from google.api_core import exceptions
from google.cloud import bigquery, storage

from nyc_taxi.bigquery.check import ask_for_jobs, find_bucket, find_datasets
from nyc_taxi.bigquery.failures import failures
from nyc_taxi.bigquery.jobs import RETRY, Jobs
from nyc_taxi.errors import WarehouseRefused

if TYPE_CHECKING:
    from nyc_taxi.bigquery.place import Place

FORGOTTEN: Final = timedelta(days=8)
"""What an attempt leaves behind, a table or an object, is deleted after this time at the latest."""


def set_up(place: Place, name: str | None = None, *, landing_days: int | None = None) -> list[str]:
    """Create the bucket and the datasets that are missing, and return a sentence about each.

    Names, locations and rights are checked first, so that nothing is created when something is in the way.
    What exists keeps its settings. Any number of processes may do this at once.

    :param name: what messages call the warehouse; None for the project
    :param landing_days: days after which a new bucket deletes the source's files; None for never
    :raises WarehouseRefused: when a name is taken, or a right, a location or billing is in the way
    """
    jobs = Jobs(place, name or place.project)
    ask_for_jobs(jobs)
    bucket, datasets = find_bucket(jobs), find_datasets(jobs)
    report = [
        f"The bucket {place.bucket} exists; its settings stay."
        if bucket is not None
        else _create_bucket(jobs, landing_days)
    ]
    for id in place.datasets:
        if id in datasets:
            report.append(f"The dataset {id} exists; its settings stay.")
        else:
            report.append(_create_dataset(jobs, id))
    return report


def _create_bucket(jobs: Jobs, landing_days: int | None) -> str:
    place = jobs.place
    bucket = storage.Bucket(place.storage(), place.bucket)
    bucket.labels = dict(place.labels)
    bucket.storage_class = "STANDARD"
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.add_lifecycle_delete_rule(age=FORGOTTEN.days, matches_prefix=["staged/"])
    if landing_days is not None:
        bucket.add_lifecycle_delete_rule(age=landing_days, matches_prefix=["raw/"])
    with failures(jobs.name):
        try:
            bucket.create(location=place.location)
        except exceptions.Conflict as error:
            if find_bucket(jobs) is None:
                raise WarehouseRefused(
                    f"The bucket name {place.bucket} is taken, somewhere in the world. Choose another one, "
                    f"such as {place.project.rpartition(':')[2]}-taxi, and change the connection."
                ) from error
            return f"Another process has created the bucket {place.bucket}."
    return f"Created the bucket {place.bucket} in {place.location}."


def _create_dataset(jobs: Jobs, id: str) -> str:
    place = jobs.place
    dataset = bigquery.Dataset(f"{place.project}.{id}")
    dataset.location = place.location
    dataset.labels = dict(place.labels)
    if id == place.stage:
        dataset.default_table_expiration_ms = int(FORGOTTEN.total_seconds() * 1000)
    with failures(jobs.name):
        jobs.client.create_dataset(dataset, exists_ok=True, retry=RETRY)
    return f"Created the dataset {id} in {place.location}."
