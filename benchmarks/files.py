"""The files that are loaded, written by processes of their own.

What writing them needs in memory, and the libraries that it loads, are not part of what is measured.
"""

from __future__ import annotations

import gzip
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from nyc_taxi.core.month import MonthRange
from nyc_taxi.samples import write_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nyc_taxi.core.month import Month

_PART = 1_000_000
"""Rows of a large file that are made up; they are repeated as often as it takes."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


def apart(function: Callable[_P, _T], /, *arguments: _P.args, **named: _P.kwargs) -> _T:
    """Call a function in a process of its own, and return what it returns."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments, **named).result()


def month(folder: Path, dataset: str, of: Month, rows: int) -> Path:
    """Write a sample month in the mirror's layout, and return its path."""
    return months(folder, [dataset], MonthRange(of, of), rows)[0]


def months(folder: Path, datasets: Sequence[str], of: MonthRange, rows: int) -> list[Path]:
    """Write sample months in the mirror's layout, and return their paths and that of the zone lookup."""
    return write_sample(of, rows, folder, datasets)


def long_csv(folder: Path, of: Month, rows: int) -> Path:
    """Write a yellow month of any length: a header, and the same rows again and again.

    Each is a member of its own of the gzip file.
    """
    part = min(rows, _PART)
    path = month(folder, "yellow", of, part)
    header, _, body = gzip.decompress(path.read_bytes()).partition(b"\n")
    packed = gzip.compress(body, 1)
    with path.open("wb") as out:
        out.write(gzip.compress(header + b"\n"))
        for _ in range(rows // part):
            out.write(packed)
    return path


def long_parquet(folder: Path, of: Month, rows: int) -> Path:
    """Write a yellow month as parquet in TLC's layout, in row groups of a million rows as TLC does."""
    from pyarrow import csv, float64
    from pyarrow.parquet import ParquetWriter

    part = min(rows, _PART)
    # Columns that may be empty come as decimals, since whoever writes them does so with pandas.
    decimals = dict.fromkeys(("passenger_count", "RatecodeID", "congestion_surcharge"), float64())
    table = csv.read_csv(
        month(folder, "yellow", of, part), convert_options=csv.ConvertOptions(column_types=decimals)
    )
    path = folder / "trip-data" / f"yellow_tripdata_{of}.parquet"
    path.parent.mkdir(exist_ok=True)
    with ParquetWriter(path, table.schema) as out:
        for _ in range(rows // part):
            out.write_table(table)
    return path
