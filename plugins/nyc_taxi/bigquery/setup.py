"""The bucket and the datasets, created when they are missing and never changed afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.api_core.exceptions import NotFound
from google.cloud import bigquery, storage

if TYPE_CHECKING:
    from nyc_taxi.bigquery.place import Place


def set_up(place: Place) -> None:
    """Create the bucket and the datasets that are missing."""
    bucket = storage.Bucket(place.storage(), place.bucket)
    if not bucket.exists():
        bucket.labels = dict(place.labels)
        bucket.storage_class = "STANDARD"
        bucket.iam_configuration.uniform_bucket_level_access_enabled = True
        bucket.create(location=place.location)
    for name in place.datasets:
        dataset = bigquery.Dataset(f"{place.project}.{name}")
        dataset.location = place.location
        dataset.labels = dict(place.labels)
        try:
            place.bigquery().get_dataset(dataset.reference)
        except NotFound:
            place.bigquery().create_dataset(dataset)
