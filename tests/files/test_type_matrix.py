"""Every parquet type in every column, with odd values: the same values in CSV mean the same."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nyc_taxi.core.dataset import RejectLimit
from nyc_taxi.errors import SchemaDrift
from nyc_taxi.files.casts import check_type
from nyc_taxi.files.values import NULL_WORDS
from tests.files.trips import lenient, read

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.core.dataset import Column, Dataset

DATASETS = [
    replace(lenient(name), rejects=RejectLimit(10**6, 1)) for name in ("yellow", "green", "fhv", "fhvhv")
]
NOON = datetime.fromisoformat("2021-01-01 12:00:00")

FLOATS = [None, 1.0, -0.0, 1.5, 1e3, 1e22, float("nan"), float("inf"), -float("inf"), 2.0**31, 2.0**40]
WHOLES = [None, 0, 1, 127]
DECIMALS = [None, Decimal("1.00"), Decimal("1.50"), Decimal("-3000000000.00")]
TEXTS = [
    None, *NULL_WORDS, "1", "1.0", " 7 ", "+7", "1e3", "0x1F", "1_000", "inf", "99999999999", "٣", "N", "é",
    "2021-01-01 12:00", "2021-01-01 12:00:00", "2021-01-01T12:00:00.5", "2021-01-01 12:00:00.1234567",
    "2021-01-01 12:00:00Z", "2021-01-01", "01/02/2021 12:00", "2021-02-30 12:00:00", "now", "1609459200",
]  # fmt: skip
TIMES = [None, NOON, *map(datetime.fromisoformat, ("0001-01-01", "3019-02-03 17:30:00", "1938-11-13"))]
FAR = {"ns": TIMES[:2] + TIMES[-1:]}

MATRIX: dict[str, tuple[pa.DataType, list[Any]]] = {
    "null": (pa.null(), [None, None]),
    "bool": (pa.bool_(), [None, True]),
    **{name: (getattr(pa, name)(), WHOLES) for name in ("int8", "uint8", "int16", "uint16")},
    "int32": (pa.int32(), [*WHOLES, -(2**31), 2**31 - 1]),
    "uint32": (pa.uint32(), [*WHOLES, 2**32 - 1]),
    "int64": (pa.int64(), [*WHOLES, 2**31, -(2**62) - 1]),
    "uint64": (pa.uint64(), [*WHOLES, 2**63, 2**64 - 1]),
    "float": (pa.float32(), [None, 1.0, 1.5, float("nan"), float("inf"), 2.0**40]),
    "double": (pa.float64(), FLOATS),
    "decimal": (pa.decimal128(20, 2), DECIMALS),
    "wide decimal": (pa.decimal256(50, 2), DECIMALS),
    "text": (pa.string(), TEXTS),
    "large text": (pa.large_string(), TEXTS),
    "bytes": (pa.binary(), [None if text is None else text.encode() for text in TEXTS]),
    "dictionary of text": (pa.dictionary(pa.int32(), pa.string()), TEXTS),
    "dictionary of numbers": (pa.dictionary(pa.int8(), pa.int64()), [*WHOLES, 2**40]),
    "date": (pa.date32(), [None, date(2021, 1, 1)]),
    "time of day": (pa.time64("us"), [None, time(12)]),
    "duration": (pa.duration("s"), [None, timedelta(1)]),
    "list": (pa.list_(pa.int64()), [None, [1]]),
    "struct": (pa.struct([("a", pa.int64())]), [None, {"a": 1}]),
    **{f"time in {unit}": (pa.timestamp(unit), FAR.get(unit, TIMES)) for unit in ("ms", "us", "ns")},
    "time in UTC": (pa.timestamp("us", "UTC"), [None, NOON]),
    "time in New York": (pa.timestamp("us", "America/New_York"), [None, NOON]),
}  # fmt: skip


def fits(column: Column, arrow: pa.DataType) -> bool:
    try:
        check_type(column, arrow, column.name)
    except SchemaDrift:
        return False
    return True


def written(value: Any, arrow: pa.DataType) -> str:
    """Return a value as people write it in CSV."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, datetime) and arrow.tz:
        return str(value - timedelta(hours=5))  # winter in New York
    return str(value)


def both(folder: Path, dataset: Dataset, arrow: pa.DataType, values: list[Any], varied: list[str]) -> Any:
    """Read a row per varied column and value from parquet, and the same from CSV."""
    usual = {name: "1" for name in dataset.required if name not in varied}
    if dataset.pickup in usual:
        usual[dataset.pickup] = str(NOON)
    cells = [(name, value) for name in varied for value in values]
    path = folder / "trips"
    columns = {
        name: pa.array([value if name == other else None for other, value in cells], arrow) for name in varied
    }
    pq.write_table(pa.table({**{name: [text] * len(cells) for name, text in usual.items()}, **columns}), path)
    parquet = read(path, dataset)
    lines = [",".join([*usual, *varied])]
    for other, value in cells:
        texts = [written(value, arrow) if name == other else "" for name in varied]
        lines.append(",".join([*usual.values(), *texts]))
    path.write_text("\n".join([*lines, ""]))
    return parquet, read(path, dataset)


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
@pytest.mark.parametrize("name", MATRIX)
def test_a_value_means_the_same_in_parquet_and_in_csv(tmp_path: Path, dataset: Dataset, name: str) -> None:
    arrow, values = MATRIX[name]
    columns = [column.name for column in dataset.columns if fits(column, arrow)]
    if not columns:
        return
    (rows, rejects), (expected, refused) = both(tmp_path, dataset, arrow, values, columns)
    assert list(map(repr, rows)) == list(map(repr, expected))
    assert [reject.row_number for reject in rejects] == [reject.row_number for reject in refused]
    assert len(rows) + len(rejects) == len(columns) * len(values)


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_a_column_of_a_type_that_never_fits_is_refused_by_name(tmp_path: Path, dataset: Dataset) -> None:
    for column in dataset.columns:
        for arrow, values in MATRIX.values():
            if fits(column, arrow):
                continue
            path = tmp_path / "trips"
            required = {name: pa.nulls(len(values)) for name in dataset.required}
            pq.write_table(pa.table({**required, column.name: pa.array(values, arrow)}), path)
            with pytest.raises(SchemaDrift, match=f"The column {column.name} "):
                read(path, dataset)


@pytest.mark.parametrize("name", MATRIX)
def test_an_unknown_column_of_any_type_goes_to_unmapped(tmp_path: Path, name: str) -> None:
    arrow, values = MATRIX[name]
    known = {"pickup_datetime": [str(NOON)] * len(values), "dispatching_base_num": ["B1"] * len(values)}
    pq.write_table(pa.table({**known, "mystery": pa.array(values, arrow)}), tmp_path / "trips")
    rows, rejects = read(tmp_path / "trips", DATASETS[2])
    assert rejects == []
    kept = [json.loads(row["unmapped"])["mystery"] for row in rows if "unmapped" in row]
    assert len(kept) == sum(written(value, arrow) not in NULL_WORDS for value in values)
    assert all(isinstance(value, str) for value in kept)


def test_the_matrix_has_every_type_that_each_kind_of_column_takes() -> None:
    taken = {
        column.type: {name for name, (arrow, _) in MATRIX.items() if fits(column, arrow)}
        for column in DATASETS[0].columns
    }
    texts = {"null", "text", "large text", "bytes", "dictionary of text"}
    assert taken["timestamp"] == {*texts, "time in ms", "time in us", "time in ns", "time in New York"}
    assert taken["integer"] == taken["double"] > texts
    assert {"decimal", "float", "uint64", "dictionary of numbers"} < taken["integer"]
    assert taken["text"] > {*texts, "int64", "double"}
