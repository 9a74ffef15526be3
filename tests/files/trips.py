"""Made-up files of trips, and what reading a file gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.files.reader import open_file

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.files.batch import RejectedRow

GREEN = (
    "VendorID,lpep_pickup_datetime,lpep_dropoff_datetime,store_and_fwd_flag,RatecodeID,PULocationID,DOLocationID,"
    "passenger_count,trip_distance,fare_amount,extra,mta_tax,tip_amount,tolls_amount,ehail_fee,"
    "improvement_surcharge,total_amount,payment_type,trip_type,congestion_surcharge"
)


def row(number: int) -> str:
    """Return the green trip of that number."""
    at = f"2021-01-{1 + number // 60 % 28:02} 10:{number % 60:02}:00"
    return (
        f"2,{at},{at[:-2]}30,N,1,{number % 263 + 1},{number * 7 % 263 + 1},1,{number % 90 / 10},"
        f"10.5,0.5,0.5,0,0,,0.3,11.8,1,1,{number % 3}"
    )


def lines(count: int) -> list[str]:
    """Return a header and some rows."""
    return [GREEN, *map(row, range(count))]


def text(lines: list[str], line_end: str = "\n") -> bytes:
    """Return lines as the content of a file."""
    return "".join(line + line_end for line in lines).encode()


def read(path: Path, dataset: Dataset | str = "green") -> tuple[list[dict[str, Any]], list[RejectedRow]]:
    """Return all rows of a file that can be read, without their nulls, and all others."""
    rows: list[dict[str, Any]] = []
    rejects: list[RejectedRow] = []
    with open_file(get_dataset(dataset) if isinstance(dataset, str) else dataset, path) as reader:
        for batch in reader:
            rows += [
                {name: value for name, value in row.items() if value is not None}
                for row in batch.rows.to_pylist()
            ]
            rejects += batch.rejects
        assert reader.rows == len(rows) + len(rejects)
    return rows, rejects
