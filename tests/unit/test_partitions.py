from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nyc_taxi.errors import InvalidMonth
from nyc_taxi.partitions import MonthOfDataset


@pytest.mark.parametrize("dataset", ["yellow", "green", "fhv"])
def test_every_dataset_feeds_the_same_run_of_a_month(dataset: str) -> None:
    assert MonthOfDataset().to_downstream(f"{dataset}|2021-01") == "2021-01"


def test_the_run_carries_the_first_day_of_its_month() -> None:
    assert MonthOfDataset().to_partition_date("2021-03") == datetime(2021, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("key", ["green", "green|", "green|2021-13", "2021-01"])
def test_a_key_without_a_month_is_refused(key: str) -> None:
    with pytest.raises(InvalidMonth):
        MonthOfDataset().to_downstream(key)
