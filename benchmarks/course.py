"""Large months against the SQL of the Data Engineering Zoomcamp's Kestra flow, without Kestra."""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING

import psycopg

from benchmarks.figure import Figure
from benchmarks.loading import copy_with_psql, load, sql_of, unpack, warehouse
from benchmarks.place import FIRST, BenchmarkFailed, place
from benchmarks.rounds import ratio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.place import Place
    from benchmarks.sizes import Sizes

TARGETS = (0.25, 0.2)
"""What a load may take of the flow's time: into an empty table, and from the second month on."""

_FILE_COLUMNS = """
    vendorid, tpep_pickup_datetime, tpep_dropoff_datetime, passenger_count, trip_distance, ratecodeid,
    store_and_fwd_flag, pulocationid, dolocationid, payment_type, fare_amount, extra, mta_tax, tip_amount,
    tolls_amount, improvement_surcharge, total_amount, congestion_surcharge
"""


def measure(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """Measure the first and the second month, the Zoomcamp's way and the product's in turns."""
    names = ("the first month", "the second month")
    with place(folder) as here:
        months = (FIRST, FIRST.next())
        files = [here.sample("yellow", month, sizes.large) for month in months]
        theirs: list[list[float]] = [[], []]
        ours: list[list[float]] = [[], []]
        for _ in range(sizes.course_rounds):
            with here.database() as uri:
                for seconds, file in zip(theirs, files, strict=True):
                    seconds.append(course(here, uri, file))
                _check(uri, sizes.large * len(files))
            with here.database() as uri:
                store = warehouse(uri)
                for seconds, month in zip(ours, months, strict=True):
                    seconds.append(load(store, here.sources, "yellow", month).committed)
        for name, seconds, base, target in zip(names, ours, theirs, TARGETS, strict=True):
            yield ratio(f"large month against the Zoomcamp's SQL, {name}", seconds, base, target)
            yield Figure.of(f"the Zoomcamp's SQL, {name}", base, "s")


def course(here: Place, uri: str, file: Path) -> float:
    """Return the seconds that the Zoomcamp's flow takes for a file.

    Its steps, tables, columns, types and statements are the flow's: the file is unpacked into another one,
    copied to the staging table from there, and each statement has its own connection.
    """
    begun = time.monotonic()
    with tempfile.TemporaryFile(dir=here.folder) as unpacked:
        unpack(file, unpacked)
        for step in ("create", "create_staging", "truncate"):
            _execute(uri, step)
        unpacked.seek(0)
        columns = " ".join(_FILE_COLUMNS.split())
        copy_with_psql(here.server, uri, unpacked, f"trips_staging ({columns})")
        _execute(uri, "key", filename=file.name.removesuffix(".gz"))
        _execute(uri, "merge")
    return time.monotonic() - begun


def _execute(uri: str, step: str, **values: str) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(sql_of(f"course_{step}"), values)


def _check(uri: str, rows: int) -> None:
    """Check that the Zoomcamp's tables hold what was loaded.

    :raises BenchmarkFailed: when they do not
    """
    with psycopg.connect(uri) as connection:
        found = connection.execute("select count(*) from trips").fetchone()
    # A key that occurs in both months is a trip that the second month's merge skips.
    if not found or not 0.99 * rows <= found[0] <= rows:
        raise BenchmarkFailed(f"The Zoomcamp's table holds {found} rows of {rows}.")
