from __future__ import annotations

import pytest
from airflow.sdk import Asset

from nyc_taxi.assets import partition_key, raw_asset
from nyc_taxi.core.month import Month


def test_a_warehouse_has_one_raw_asset() -> None:
    asset = raw_asset("postgres")

    assert (asset.name, asset.uri) == ("nyc_taxi_raw_postgres", "nyctlc://postgres/raw")


@pytest.mark.parametrize(
    "uri",
    [
        "nyctlc://oracle/raw",
        "nyctlc://postgres/marts",
        "nyctlc://postgres",
        "nyctlc://postgres/raw?month=2021-01",
    ],
)
def test_an_asset_that_is_none_of_ours_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="is not an asset of the taxi data"):
        Asset(uri=uri)


def test_a_partition_is_a_dataset_and_a_month() -> None:
    assert partition_key("green", Month("2021-01")) == "green|2021-01"
