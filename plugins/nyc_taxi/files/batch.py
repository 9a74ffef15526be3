"""What reading a file gives: batches of typed rows, and the rows that could not be typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from nyc_taxi.core.dataset import ColumnType, Dataset

TYPES: Final[dict[ColumnType, pa.DataType]] = {
    "integer": pa.int32(),
    "double": pa.float64(),
    "text": pa.string(),
    "timestamp": pa.timestamp("us"),
}
"""A spec's column types in Arrow. Timestamps are New York wall clock, without a zone."""


def batch_schema(dataset: Dataset) -> pa.Schema:
    """Return the schema of every batch of a dataset.

    ``row_number`` is the row's ordinal in the file, from 1. The dataset's columns follow in the spec's
    order, all of them, also those that the file lacks. ``unmapped`` is a JSON object with the values of
    columns that the dataset does not know, by name; null when there are none.
    """
    return pa.schema(
        [
            pa.field("row_number", pa.int64(), nullable=False),
            *(pa.field(column.name, TYPES[column.type]) for column in dataset.columns),
            pa.field("unmapped", pa.string()),
        ]
    )


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row of a file that could not be loaded.

    :param row_number: ordinal among the file's data rows, from 1
    :param line_number: line in the file, from 1; None for a parquet file
    :param reason: why, naming the column
    :param line: the row as it is in the file, without its line end; of a parquet file, as JSON
    """

    row_number: int
    line_number: int | None
    reason: str
    line: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that follow each other in a file.

    :param rows: the rows that could be typed, with the schema of :func:`batch_schema`
    :param rejects: the others, in file order
    """

    rows: pa.RecordBatch
    rejects: tuple[RejectedRow, ...] = ()
