"""A month whose file is downloaded, for the tests of downloads."""

from __future__ import annotations

import gzip
import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nyc_taxi.core.month import Month
from nyc_taxi.files.publication import Publication, State

if TYPE_CHECKING:
    from pathlib import Path

JANUARY = Month("2021-01")
PATH = "/green/green_tripdata_2021-01.csv.gz"
NAME = "green_tripdata_2021-01.csv.gz"
CHANGED = datetime(2022, 10, 5, 10, 30, tzinfo=UTC)
TRIPS = gzip.compress(b"VendorID,extra\r\n" + random.Random(1).randbytes(200).hex().encode(), mtime=0)


def publication(url: str, **values: Any) -> Publication:
    answer = Publication("green", JANUARY, State.PUBLISHED, "test", url, datetime.now(UTC))
    return replace(answer, **values)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))
