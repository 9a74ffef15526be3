"""The files that are loaded, written by separate processes.

The memory and the libraries that writing them needs are not part of what is measured.
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
"""Rows of a long file that are generated; they are repeated as often as it takes."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


def apart(function: Callable[_P, _T], /, *arguments: _P.args, **named: _P.kwargs) -> _T:
    """Call a function in a separate process, and return its result."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments, **named).result()


def month(folder: Path, dataset: str, of: Month, rows: int, *, edition: int = 1) -> Path:
    """Write a sample month in the mirror's layout, and return its path."""
    return write_sample(MonthRange(of, of), rows, folder, [dataset], edition=edition)[0]


def months(folder: Path, datasets: Sequence[str], of: MonthRange, rows: int) -> list[Path]:
    """Write sample months in the mirror's layout, and return their paths and that of the zone lookup."""
    return write_sample(of, rows, folder, datasets)


def editions(folder: Path, of: Month, rows: int) -> Path:
    """Write a yellow month in the mirror's layout, and return its path.

    The same month with one bad row is in the folder ``bad``, as parquet in TLC's layout, and with other trips
    in the folder ``again``.
    """
    path = month(folder, "yellow", of, rows)
    _with_bad_row(path, folder / "bad" / path.relative_to(folder))
    as_parquet(path, folder / "trip-data" / f"yellow_tripdata_{of}.parquet")
    month(folder / "again", "yellow", of, rows, edition=2)
    return path


def _with_bad_row(file: Path, to: Path) -> None:
    """Write a gzipped CSV file again, with a number that is not one in a row in its middle."""
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    bad = lines[len(lines) // 2].split(b",")
    lines[len(lines) // 2] = b",".join([b"many" if number == 3 else cell for number, cell in enumerate(bad)])
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(gzip.compress(b"".join(lines), 6))


def as_parquet(file: Path, to: Path, *, times: int = 1) -> None:
    """Write a month as parquet in TLC's layout, in row groups of a million rows as TLC does.

    :param times: how often its rows are written
    """
    from pyarrow import csv, float64
    from pyarrow.parquet import ParquetWriter

    # TLC writes its files with pandas, where integer columns with missing values become floats.
    floats = dict.fromkeys(("passenger_count", "RatecodeID", "congestion_surcharge"), float64())
    table = csv.read_csv(file, convert_options=csv.ConvertOptions(column_types=floats))
    to.parent.mkdir(parents=True, exist_ok=True)
    with ParquetWriter(to, table.schema) as out:
        for _ in range(times):
            out.write_table(table, row_group_size=_PART)


def long_csv(folder: Path, of: Month, rows: int, dataset: str = "yellow") -> Path:
    """Write a month of any length: a header, and the same rows again and again.

    Each repetition is a member of the gzip file.
    """
    path = month(folder, dataset, of, min(rows, _PART))
    header, _, body = gzip.decompress(path.read_bytes()).partition(b"\n")
    packed = gzip.compress(body, 1)
    with path.open("wb") as out:
        out.write(gzip.compress(header + b"\n"))
        for _ in range(rows // _PART or 1):
            out.write(packed)
    return path


def long_bad_csv(folder: Path, of: Month, rows: int) -> Path:
    """Write a yellow month of any length, with one more row at its end that is bad."""
    path = long_csv(folder, of, rows)
    with path.open("ab") as out:
        out.write(gzip.compress(b"1,2021-01-01 00:00:00,never" + b"," * 15 + b"\n"))
    return path


def long_parquet(folder: Path, of: Month, rows: int, dataset: str = "yellow") -> Path:
    """Write a month of any length as parquet."""
    part = min(rows, _PART)
    path = folder / "trip-data" / f"{dataset}_tripdata_{of}.parquet"
    as_parquet(month(folder, dataset, of, part), path, times=rows // part)
    return path


def long_fhvhv(folder: Path, of: Month, rows: int) -> Path:
    """Write a month of the app services of any length as parquet."""
    return long_parquet(folder, of, rows, "fhvhv")
