"""Large months against the SQL of the data engineering course's Kestra flow, without its engine."""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING

import psycopg

from benchmarks.contest import ratio
from benchmarks.figure import Figure
from benchmarks.loading import copy_with_psql, load, sql_of, unpack, warehouse
from benchmarks.place import FIRST, BenchmarkFailed, place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.place import Place
    from benchmarks.sizes import Sizes

TARGETS = (0.25, 0.15)
"""What a load may take of the course's time: into an empty table, and from the second month on."""

_FILE_COLUMNS = """
    vendorid, tpep_pickup_datetime, tpep_dropoff_datetime, passenger_count, trip_distance, ratecodeid,
    store_and_fwd_flag, pulocationid, dolocationid, payment_type, fare_amount, extra, mta_tax, tip_amount,
    tolls_amount, improvement_surcharge, total_amount, congestion_surcharge
"""


def measure(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """Measure the first and the second month, the course's way and the product's in turns."""
    names = ("the first month", "the second month")
    with place(folder) as here:
        months = (FIRST, FIRST.next())
        files = [here.sample("yellow", month, sizes.large) for month in months]
        found: list[list[tuple[float, float]]] = [[], []]
        for _ in range(sizes.course_rounds):
            with here.database() as uri:
                theirs = [course(here, uri, file) for file in files]
                _check(uri, sizes.large * len(files))
            with here.database() as uri:
                store = warehouse(uri)
                store.prepare()
                ours = [load(store, here.sources, "yellow", month).committed for month in months]
            for pair, seconds in zip(found, zip(theirs, ours, strict=True), strict=True):
                pair.append(seconds)
        for name, pair, target in zip(names, found, TARGETS, strict=True):
            yield ratio(f"large month against the course's SQL, {name}", pair, target)
            yield Figure.of(f"the course's SQL, {name}", [seconds for seconds, _ in pair], "s")


def course(here: Place, uri: str, file: Path) -> float:
    """Return the seconds that the course's flow takes for a file.

    Its steps, tables, columns, types and statements are the flow's: the file is unpacked into another one,
    copied to the staging table from there, and each statement has a connection of its own.
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
    """Check that the course's tables hold what was loaded.

    :raises BenchmarkFailed: when they do not
    """
    with psycopg.connect(uri) as connection:
        found = connection.execute("select count(*) from trips").fetchone()
    # A key that occurs in both months is a trip that the second month's merge leaves out.
    if not found or not 0.99 * rows <= found[0] <= rows:
        raise BenchmarkFailed(f"The course's table holds {found} rows of {rows}.")
