"""The assets that say which months a warehouse has received.

There is one asset per warehouse. Each month of a dataset is a partition of it, with the key
``dataset|month``. Separate assets per dataset would lose runs of a consumer that joins them: Airflow 3.3.2
then creates two pending runs, each of which waits for the other asset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Asset

from nyc_taxi.targets import target_names

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from nyc_taxi.core.month import Month


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Accept ``nyctlc://<warehouse>/raw`` and nothing else; Airflow calls this for every URI of the scheme.

    :raises ValueError: for an unknown warehouse, or another path
    """
    if uri.netloc not in target_names() or uri.path != "/raw" or uri.query:
        raise ValueError(
            f"{uri.geturl()} is not an asset of the taxi data. "
            f"Use nyctlc://<warehouse>/raw with one of: {', '.join(target_names())}."
        )
    return uri


def raw_asset(target: str) -> Asset:
    """Return the asset that stands for the trips in a warehouse.

    :param target: name of the warehouse
    """
    return Asset(name=f"nyc_taxi_raw_{target}", uri=f"nyctlc://{target}/raw")


def partition_key(dataset: str, month: Month | str) -> str:
    """Return the key of the partition that a dataset's month is."""
    return f"{dataset}|{month}"
