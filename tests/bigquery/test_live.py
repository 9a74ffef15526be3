"""``make test-gcp-live``, rehearsed on the emulators: it works, and removes only what it has made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import gcp_live
from local.checks import CheckFailed
from local.emulators import PROJECT

if TYPE_CHECKING:
    from nyc_taxi.bigquery.place import Place
    from tests.google_cloud import GoogleCloud


@pytest.mark.slow
def test_the_live_test_loads_months_and_leaves_nothing(
    google_cloud: GoogleCloud, bigquery_place: Place
) -> None:
    emulators = google_cloud.emulators
    place = gcp_live.new_place(
        PROJECT,
        storage_endpoint=emulators.storage_endpoint,
        bigquery_endpoint=emulators.bigquery_endpoint,
    )
    before = {one.dataset_id for one in place.bigquery().list_datasets()}
    said: list[str] = []
    gcp_live.run(place, said.append, marts=False)
    assert [line.split(":")[0] for line in said if " rows, " in line] == [
        line.split(":")[0] for line in said if "green 2021-0" in line
    ]
    assert f"Removed the bucket {place.bucket}." in said
    assert {one.dataset_id for one in place.bigquery().list_datasets()} == before
    assert bigquery_place.storage().bucket(bigquery_place.bucket).exists()


def test_what_somebody_else_has_made_is_not_removed(google_cloud: GoogleCloud, bigquery_place: Place) -> None:
    """Another run's place has other labels, even under the same names."""
    own = gcp_live.new_place(
        PROJECT,
        storage_endpoint=bigquery_place.storage_endpoint,
        bigquery_endpoint=bigquery_place.bigquery_endpoint,
    )
    assert own.prefix != bigquery_place.prefix
    assert gcp_live.tear_down(own) == []


def test_without_a_project_nothing_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROJECT", raising=False)
    with pytest.raises(CheckFailed, match="make test-gcp-live PROJECT=my-project"):
        gcp_live.main()
