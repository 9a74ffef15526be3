"""The assets that say which months arrived in a warehouse.

There is one asset per warehouse, and a month of a dataset is one partition of it, with the key
``dataset|month``. Two assets that a consumer joins would lose runs: Airflow 3.3.2 then makes two pending
runs that are each short of one asset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Asset

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from nyc_taxi.core.month import Month

WAREHOUSES = ("postgres", "bigquery")
"""Warehouses that an asset may name."""


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Accept ``nyctlc://<warehouse>/raw`` and nothing else; Airflow calls this for every such asset.

    :raises ValueError: for an unknown warehouse, or anything beside ``/raw``
    """
    if uri.netloc not in WAREHOUSES or uri.path != "/raw" or uri.query:
        raise ValueError(
            f"{uri.geturl()} names no asset of the taxi data. "
            f"Write nyctlc://<warehouse>/raw with one of: {', '.join(WAREHOUSES)}."
        )
    return uri


def raw_asset(warehouse: str) -> Asset:
    """Return the asset that stands for the trips as they were loaded into a warehouse."""
    return Asset(name=f"nyc_taxi_raw_{warehouse}", uri=f"nyctlc://{warehouse}/raw")


def partition_key(dataset: str, month: Month | str) -> str:
    """Return the key under which a dataset's month is a partition of the asset."""
    return f"{dataset}|{month}"
