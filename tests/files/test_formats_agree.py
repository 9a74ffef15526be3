"""One set of rules: CSV at array speed, CSV field by field, and parquet give the same rows and rejects."""

from __future__ import annotations

import gzip
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nyc_taxi.core.dataset import RejectLimit, get_dataset
from nyc_taxi.core.month import Month
from nyc_taxi.files.batch import TYPES
from tests.conftest import REAL_DATA
from tests.faults import corpus
from tests.files import naive
from tests.files.trips import read
from tests.trips import MONTH, lines, text

if TYPE_CHECKING:
    from nyc_taxi.core.dataset import Dataset

MUTATIONS = [
    b'"', b'""', b",", b",,", b"\n", b"\r\n", b"\r", b"\0", b"\xff", "é".encode(), b" ", b"0", b"9", b"-",
    b"+", b".", b":", b"e", b"T", b"Z", b"N", b"NULL", b"\\N", b"NaN", b"inf", b"0x1", b"99999999999",
    b"2021-02-30 00:00:00",
]  # fmt: skip


def lenient(name: str) -> Dataset:
    """Return a dataset that refuses no file for its rejects."""
    return replace(get_dataset(name), rejects=RejectLimit(10**9, 1))


@cache
def real_lines() -> dict[str, bytes]:
    """Return the first whole lines of a file per schema version, and of some made up here, by dataset."""
    heads = {"green": text(lines(30)), "green, CRLF": text(lines(30), "\r\n")}
    for path in sorted((REAL_DATA / "eras").glob("*.csv")) if REAL_DATA.is_dir() else ():
        heads[path.name] = path.read_bytes()[: path.read_bytes().rindex(b"\n") + 1]
    return heads


def described(name: str) -> tuple[Dataset, Month]:
    """Return the dataset and the month of some of the real lines."""
    dataset, _, month = name.partition("_tripdata_")
    return (lenient(dataset), Month(month[:7])) if month else (lenient("green"), MONTH)


def check(dataset: Dataset, content: bytes, folder: Path, month: Month = MONTH) -> int:
    """Read a file's content in every way, compare, and return how many rows it has."""
    expected = naive.read_csv(dataset, content, month)
    path = folder / "trips"
    path.write_bytes(content)
    rows, rejects = read(path, dataset, month)
    assert rows == expected.rows
    assert [(reject.row_number, reject.line_number, reject.line) for reject in rejects] == expected.rejects

    numbers = list(expected.fields)
    table = pa.Table.from_arrays(
        [
            pa.array([fields[position] for fields in expected.fields.values()], pa.string())
            for position, _ in enumerate(expected.plan.fields)
        ],
        names=[field.name for field in expected.plan.fields],
    )
    pq.write_table(table, path)
    as_text, refused = read(path, dataset, month)
    assert [{**row, "row_number": numbers[row["row_number"] - 1]} for row in as_text] == rows
    reasons = {reject.row_number: reject.reason for reject in rejects}
    assert all(reasons[numbers[reject.row_number - 1]] == reject.reason for reject in refused)

    typed = [
        pa.array([row.get(field.name) for row in rows], TYPES[field.column.type])
        for field in expected.plan.fields
        if field.column
    ]
    names = [field.name for field in expected.plan.fields if field.column]
    pq.write_table(pa.Table.from_arrays(typed, names=names), path)
    native, refused = read(path, dataset, month)
    assert not refused
    assert [row | {"row_number": 0} for row in native] == [
        {name: value for name, value in row.items() if name != "unmapped"} | {"row_number": 0} for row in rows
    ]
    return len(rows)


@pytest.mark.parametrize("name", real_lines())
def test_lines_of_every_schema_version(tmp_path: Path, name: str) -> None:
    dataset, month = described(name)
    assert check(dataset, real_lines()[name], tmp_path, month) >= 3


@pytest.mark.parametrize(
    "file",
    [
        "green_tripdata_2020-04.csv.gz",
        "yellow_tripdata_2020-01.head999.csv",
        "yellow_tripdata_2021-01.head22792.csv",
    ],
)
def test_real_files(real_data: Path, tmp_path: Path, file: str) -> None:
    content = (real_data / "real" / file).read_bytes()
    content = gzip.decompress(content) if file.endswith(".gz") else content
    some = content.splitlines(keepends=True)[:-1]
    content = b"".join([*some[:2_000], *some[-2_000:]])
    dataset, month = described(file)
    check(dataset, content, tmp_path, month)


@given(data=st.data())
def test_mutated_lines(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(real_lines())))
    content = real_lines()[name]
    dataset, month = described(name)
    start = naive.read_csv(dataset, content, month).plan.data_offset
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(start, len(content)))
        width = data.draw(st.sampled_from([0, 1, 1, 3, 19]))
        content = content[:at] + data.draw(st.sampled_from(MUTATIONS)) + content[at + width :]
    if content[-1:] not in b"\r\n":
        content += b"\n"
    with TemporaryDirectory() as folder:
        check(dataset, content, Path(folder), month)


@pytest.mark.parametrize("case", [case for case in corpus.CASES if case.rejected], ids=lambda case: case.name)
def test_corpus_of_faults(case: corpus.Case, tmp_path: Path) -> None:
    content = gzip.decompress(case.replies[0].body)
    if len(content) < 1 << 20:
        check(lenient("green"), content, tmp_path)
