"""The bucket and the datasets: created once, and left alone afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.bigquery.setup import set_up

if TYPE_CHECKING:
    from tests.google_cloud import GoogleCloud


def test_what_is_missing_is_created(google_cloud: GoogleCloud) -> None:
    place = google_cloud.place()
    set_up(place)
    assert place.storage().bucket(place.bucket).exists()
    found = {dataset.dataset_id for dataset in place.bigquery().list_datasets()}
    assert found >= set(place.datasets)
    set_up(place)
