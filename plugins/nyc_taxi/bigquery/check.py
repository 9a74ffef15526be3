"""Whether a place can be used: what Cloud Storage and BigQuery answer, and what they lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.api_core import exceptions
from google.cloud import bigquery

from nyc_taxi.bigquery.failures import failures
from nyc_taxi.bigquery.jobs import RETRY
from nyc_taxi.errors import TaxiError, WarehouseNotSetUp, WarehouseRefused

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

    from nyc_taxi.bigquery.jobs import Jobs

_RIGHTS: Final = tuple(f"storage.objects.{right}" for right in ("create", "delete", "get", "list"))
"""What a load does with objects."""


def check(jobs: Jobs) -> str:
    """Return a sentence of Cloud Storage and one of BigQuery about a place that can be used.

    Nothing is changed, and nothing is billed.

    :raises TaxiError: with both sentences, when one of them cannot be used
    """
    said, failed = [], []
    for ask in (_check_storage, _check_bigquery):
        try:
            said.append(ask(jobs))
        except TaxiError as error:
            said.append(str(error))
            failed.append(error)
    if failed:
        raise type(failed[0])(" ".join(said)) from failed[0]
    return " ".join(said)


def find_bucket(jobs: Jobs) -> Bucket | None:
    """Return the bucket, or None when nobody has it.

    :raises WarehouseRefused: when it is somebody else's, or too far away from the datasets
    """
    place = jobs.place
    with failures(jobs.name):
        try:
            bucket = place.storage().lookup_bucket(place.bucket)
        except exceptions.Forbidden as error:
            raise WarehouseRefused(
                f"The bucket {place.bucket} belongs to someone else, or this account may not see it. Bucket "
                "names are shared by the whole world: choose another name, or grant the account the role "
                "Storage Admin on this bucket."
            ) from error
    if bucket is not None and not place.emulated and not _loads(bucket.location, place.location):
        raise WarehouseRefused(
            f"The bucket {place.bucket} is in {bucket.location}, and BigQuery cannot load from there into "
            f"datasets in {place.location}. Change the location of the connection, or name another bucket."
        )
    return bucket


def find_datasets(jobs: Jobs) -> tuple[str, ...]:
    """Return the ids of the datasets that exist.

    :raises WarehouseRefused: when one is in another location
    """
    place, found = jobs.place, []
    with failures(jobs.name):
        for id in place.datasets:
            try:
                dataset = jobs.client.get_dataset(f"{place.project}.{id}", retry=RETRY)
            except exceptions.NotFound:
                continue
            if not place.emulated and dataset.location.upper() != place.location.upper():
                raise WarehouseRefused(
                    f"The dataset {id} is in {dataset.location}, and the connection says {place.location}. "
                    "Correct the location of the connection, or give it a prefix for new datasets."
                )
            found.append(id)
    return tuple(found)


def ask_for_jobs(jobs: Jobs) -> None:
    """Ask BigQuery whether the account may run queries in the project, which costs nothing.

    :raises WarehouseRefused: when it may not
    """
    config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False, labels=jobs.all_labels())
    with failures(jobs.name):
        jobs.client.query("select 1", job_config=config, retry=RETRY)


def _check_storage(jobs: Jobs) -> str:
    place = jobs.place
    bucket = find_bucket(jobs)
    if bucket is None:
        raise WarehouseNotSetUp(f"There is no bucket {place.bucket}. Run setup_gcp, which creates it.")
    if not place.emulated:
        with failures(jobs.name):
            granted = bucket.test_iam_permissions(list(_RIGHTS))
        if lacking := [right for right in _RIGHTS if right not in granted]:
            raise WarehouseRefused(
                f"The account lacks {', '.join(lacking)} on the bucket {place.bucket}. Grant it the role "
                "Storage Object Admin there."
            )
    return f"Cloud Storage: the bucket {place.bucket} can be read and written."


def _check_bigquery(jobs: Jobs) -> str:
    place = jobs.place
    ask_for_jobs(jobs)
    found = find_datasets(jobs)
    if missing := [id for id in (place.raw, place.stage, place.ops) if id not in found]:
        what = "dataset" if len(missing) == 1 else "datasets"
        raise WarehouseNotSetUp(
            f"The project {place.project} has no {what} {' and '.join(missing)}. Run setup_gcp, which "
            "creates what is missing."
        )
    return f"BigQuery: the project {place.project} runs queries in {place.location} and has the datasets."


def _loads(bucket: str, datasets: str) -> bool:
    """Whether BigQuery loads from buckets in one location into datasets in another one."""
    bucket, datasets = bucket.upper(), datasets.upper()
    # US loads from everywhere; EU loads from its regions; a region loads from itself.
    return datasets in {"US", bucket} or (datasets == "EU" and bucket.startswith("EUROPE-"))
