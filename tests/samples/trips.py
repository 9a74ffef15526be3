"""Writing a sample month and reading its trips, for the tests of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nyc_taxi.core.month import MonthRange
from nyc_taxi.samples import write_sample

if TYPE_CHECKING:
    from pathlib import Path

PICKUP, DROPOFF = "pickup", "dropoff"
TIMES = {
    "yellow": ("tpep_pickup_datetime", "tpep_dropoff_datetime"),
    "green": ("lpep_pickup_datetime", "lpep_dropoff_datetime"),
    "fhv": ("pickup_datetime", "dropOff_datetime"),
    "fhvhv": ("pickup_datetime", "dropoff_datetime"),
}


def sample(to: Path, dataset: str, months: str, rows: int, edition: int = 1) -> Path:
    """Write one month and return its path."""
    return write_sample(MonthRange.parse(months), rows, to, (dataset,), edition=edition)[0]


def read_trips(path: Path) -> pd.DataFrame:
    """Read a sample with its times as columns pickup and dropoff."""
    trips = pd.read_csv(path, dtype={"store_and_fwd_flag": "str", "SR_Flag": "str"}, low_memory=False)
    for name, column in zip((PICKUP, DROPOFF), TIMES[path.name.partition("_")[0]], strict=True):
        trips[name] = trips.pop(column).astype("datetime64[s]")
    return trips
