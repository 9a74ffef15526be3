"""Rejected rows as a file again."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nyc_taxi.errors import TooManyRejects
from nyc_taxi.load.rejects_file import write_rejects
from tests.trips import GREEN, MONTH, lines, load, published, row, stage, text, write

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.load.warehouse import Warehouse

ROWS = 2_000


def exported(warehouse: Warehouse) -> bytes:
    attempt = warehouse.ledger.rejecting("green", MONTH)
    assert attempt is not None
    out = io.BytesIO()
    assert write_rejects(warehouse.ledger, attempt, out) == attempt.rows_rejected
    return out.getvalue()


def bad_lines() -> list[bytes]:
    """Return records that cannot be loaded, without line ends."""
    good = row(3).encode()
    return [
        b"2,soon,later",
        good.replace(b",N,", b",\0,"),
        good.replace(b",N,", b",\xff\xfe,"),
        good.replace(b",N,", b',"N,'),
        good.replace(b",10.5,", b",ten,").replace(b",N,", b',"N;\t\\ ",'),
        b"x" * 10_000_000,
        good + b",1,2",
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_exported_lines_are_those_of_the_file(warehouse: Warehouse, tmp_path: Path, line_end: str) -> None:
    end = line_end.encode()
    body = text(lines(ROWS), line_end).split(end)
    for number, line in enumerate(bad_lines()):
        body.insert(2 + 100 * number, line)
    done = load(warehouse, published(write(tmp_path, end.join(body))))
    assert (done.rows_loaded, done.rows_rejected) == (ROWS, len(bad_lines()))
    assert exported(warehouse) == b"".join(line + end for line in (GREEN.encode(), *bad_lines()))


def test_exported_file_that_was_repaired_is_a_file_that_loads(warehouse: Warehouse, tmp_path: Path) -> None:
    broken = [
        line.replace(",10.5,", ",ten,") if line.startswith("2,2021-01-07") else line for line in lines(ROWS)
    ]
    header = ", ".join(f'"{name}"' for name in GREEN.split(","))
    path = write(tmp_path, text([header, *broken[1:20], *lines(ROWS)[20:]], "\r\n"))
    assert load(warehouse, published(path)).rows_rejected == 1
    repaired = exported(warehouse).replace(b",ten,", b",10,")
    assert repaired.count(b"\r\n") == 2
    assert load(warehouse, published(write(tmp_path / "repaired", repaired)), force=True).rows_loaded == 1


def test_names_of_a_header_keep_their_commas_and_quotes(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = [f'{GREEN},"moon, ""full""", pad ', *(f"{row(number)},1,2" for number in range(ROWS)), "cut"]
    load(warehouse, published(write(tmp_path, text(rows))))
    header, cut = exported(warehouse).decode().splitlines()
    assert next(csv.reader([header])) == [*GREEN.split(","), 'moon, "full"', " pad "]
    assert cut == "cut"


def test_month_without_refused_rows_is_exported_as_its_header(warehouse: Warehouse, tmp_path: Path) -> None:
    load(warehouse, published(write(tmp_path, text(lines(10), "\r\n"))))
    assert exported(warehouse) == text([GREEN], "\r\n")


def test_rows_of_a_file_that_was_refused_have_their_header_too(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(TooManyRejects):
        stage(warehouse, published(write(tmp_path, text([GREEN, "cut", "torn"], "\r\n"))))
    assert exported(warehouse) == text([GREEN, "cut", "torn"], "\r\n")


def test_rows_of_a_parquet_file_are_lines_of_json(warehouse: Warehouse, tmp_path: Path) -> None:
    columns = {
        **{name: [None] * 300 for name in GREEN.split(",")},
        "lpep_pickup_datetime": ["2021-01-05 10:00:00"] * 300,
        "VendorID": ["1"] * 298 + ["one", "t\n"],
    }
    path = tmp_path / "green_tripdata_2021-01.parquet"
    pq.write_table(pa.table(columns), path)
    load(warehouse, published(path))
    vendors = [json.loads(line)["VendorID"] for line in exported(warehouse).splitlines()]
    assert vendors == ["one", "t\n"]
