"""A month of the app services, which is the largest that TLC publishes, against ``gunzip | psql``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from benchmarks import files
from benchmarks.figure import Figure
from benchmarks.files import apart
from benchmarks.loading import load, seconds_of_psql, warehouse
from benchmarks.memory import Kind, peaks_of
from benchmarks.place import place
from benchmarks.rounds import ratio, rounds
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month
from nyc_taxi.files.source_list import SourceList

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.place import Place
    from benchmarks.sizes import Sizes

_MONTH: Final = Month("2021-08")
"""The first month whose samples have fares."""

_BASELINE: Final = "gunzip | psql"


def measure(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """Measure loads of parquet to the commit, against COPY of the same rows, and the memory of staging."""
    rows = sizes.app_services[1]
    with place(folder) as here:
        file = apart(files.long_csv, here.samples, _MONTH, rows, "fhvhv")
        # The month of which a long file repeats the rows is written in the place of the CSV file.
        baseline = file.rename(here.folder / "baseline.csv.gz")
        apart(files.long_fhvhv, here.samples, _MONTH, rows)
        found = rounds(
            {_BASELINE: partial(_copied, here, baseline), "fhvhv": partial(_loaded, here)}, sizes.app_rounds
        )
        name = f"{rows:,} rows of fhvhv as parquet, against {_BASELINE}"
        yield ratio(name, found["fhvhv"], found[_BASELINE], 1.5)
        for way, seconds in found.items():
            yield Figure.of(f"{rows:,} rows of fhvhv: {way}", seconds, "s")
        kind = Kind("fhvhv as parquet", "tlc+", files.long_fhvhv, "fhvhv", _MONTH)
        yield from peaks_of(here, kind, sizes.app_services)


def _copied(here: Place, file: Path) -> float:
    """Return the seconds that psql takes for a file, into a bare table of the same types."""
    layout = next(
        one for one in get_dataset("fhvhv").schema_versions if one.name.startswith("parquet")
    ).columns
    with here.database() as uri:
        warehouse(uri)
        with psycopg.connect(uri, autocommit=True) as connection:
            bare = sql.SQL("create table bare as select {} from raw.fhvhv_tripdata with no data")
            connection.execute(bare.format(sql.SQL(", ").join(map(sql.Identifier, layout))))
        return seconds_of_psql(here.server, uri, file, "bare")


def _loaded(here: Place) -> float:
    """Return the seconds that the product takes, up to the commit."""
    with here.database() as uri:
        return load(warehouse(uri), SourceList.parse(f"tlc+{here.files}"), "fhvhv", _MONTH).committed
