"""Reading a parquet file in batches: its columns are cast as a whole, by the rules for values."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nyc_taxi.errors import TruncatedFile
from nyc_taxi.files.assemble import assemble
from nyc_taxi.files.batch import Batch, RejectedRow
from nyc_taxi.files.casts import cast_column, check_type, holds_text
from nyc_taxi.files.header import plan_names
from nyc_taxi.files.values import BadValue, read_value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.month import Month

_BATCH: Final = 32_768
"""Rows decoded at a time: they bound the memory, the file does not."""

_BEYOND: Final = pa.scalar(2**63 - 1, pa.timestamp("us"))
"""A time that is not in the calendar."""


class ParquetReader:
    """The rows of a parquet file.

    :raises TruncatedFile: when the file is cut or damaged
    :raises NotTheFile: when none of its names is a column of a dataset
    :raises SchemaDrift: when the dataset's policy does not accept the columns, or one has the wrong type
    """

    def __init__(self, dataset: Dataset, path: Path, month: Month) -> None:
        self._dataset = dataset
        self._path = path
        self._opened = ExitStack()
        with self._damage():
            self._file = self._open("us")
        self.plan = plan_names(dataset, self._file.schema_arrow.names, month)
        for field, column in zip(self.plan.fields, self._file.schema_arrow, strict=True):
            if field.column:
                check_type(field.column, column.type, column.name)
        metadata = self._file.metadata
        groups = range(metadata.num_row_groups)
        self._size = sum(metadata.row_group(group).total_byte_size for group in groups)
        self.rows = 0
        self.bytes = 0
        self.unended = 0

    def __iter__(self) -> Iterator[Batch]:
        whole = self._file.metadata.num_rows
        batches = self._decoded()
        while True:
            with self._damage():
                batch = next(batches, None)
            if batch is None:
                break
            before = self.rows
            self.rows += batch.num_rows
            self.bytes = self._size * self.rows // whole
            yield self._batch(batch, before)
        if self.rows != whole:
            raise TruncatedFile(
                f"{self._path} has {self.rows:,} rows, and its footer promises {whole:,}. Fetch it again."
            )

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def check_end(self) -> None:
        """Do nothing: the footer comes last, so a parquet file that can be opened does not break off."""

    def _open(self, int96_unit: str) -> pq.ParquetFile:
        return self._opened.enter_context(
            pq.ParquetFile(
                self._path,
                pre_buffer=False,
                buffer_size=1 << 20,
                coerce_int96_timestamp_unit=int96_unit,
                page_checksum_verification=True,
            )
        )

    def _decoded(self) -> Iterator[pa.RecordBatch]:
        """Yield the file's own columns.

        INT96 times reach further than microseconds do, and Arrow lets them wrap around: 1849 for 3019, were
        they read as nanoseconds. Read as seconds, none does, so that the two can be compared.
        """
        schema = self._file.schema
        leaves = (schema.column(at) for at in range(len(schema)))
        names = self._file.schema_arrow.names
        int96 = [leaf.path for leaf in leaves if leaf.physical_type == "INT96" and leaf.path in names]
        batches = self._file.iter_batches(_BATCH)
        if not int96:
            yield from batches
            return
        in_seconds = self._open("s").iter_batches(_BATCH, columns=int96)
        for batch, seconds in zip(batches, in_seconds, strict=True):
            for name in int96:
                at = names.index(name)
                batch = batch.set_column(at, name, _unless_wrapped(batch.column(at), seconds.column(name)))
            yield batch

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowInvalid, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise TruncatedFile(
                f"{self._path} is a parquet file that is cut or damaged ({str(error).splitlines()[0]}). "
                "Fetch it again."
            ) from error

    def _batch(self, batch: pa.RecordBatch, before: int) -> Batch:
        def reject(index: int, position: int) -> RejectedRow:
            field = self.plan.fields[position]
            value = _python(batch.column(position)[index])
            try:
                read_value(value, field.column.type if field.column else "text")
                reason = (
                    f"{value} is out of range" if field.column else f"{value!r} is another dataset's trip"
                )
            except BadValue as bad:
                reason = str(bad)
            row = {name: _python(batch.column(at)[index]) for at, name in enumerate(self.plan.header)}
            return RejectedRow(before + index + 1, None, f"{field.name}: {reason}", _json(row))

        numbers = pa.array(np.arange(before + 1, before + 1 + batch.num_rows, dtype=np.int64))
        return assemble(self._dataset, self.plan, batch.columns, numbers, cast_column, reject)


def _unless_wrapped(times: pa.TimestampArray, seconds: pa.TimestampArray) -> pa.TimestampArray:
    """Return times in microseconds, with one that the rules refuse where they are not the same in seconds."""
    same = pc.equal(
        pc.floor_temporal(times, unit="second").cast(pa.int64()), pc.multiply(seconds.cast(pa.int64()), 10**6)
    )
    return pc.if_else(pc.fill_null(same, fill_value=True), times, _BEYOND)


def _python(value: pa.Scalar) -> Any:
    """Return a value in Python; text that is not UTF-8 as bytes, a time that Python has not as text."""
    if isinstance(value, pa.ExtensionScalar):
        value = value.value
    if isinstance(value, pa.DictionaryScalar):
        value = value.value
    if value is None or not value.is_valid:
        return None
    if holds_text(value.type):
        content = value.as_buffer().to_pybytes()
        try:
            return content.decode()
        except UnicodeDecodeError:
            return content
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        return pc.cast(value, pa.string()).as_py()


def _json(row: dict[str, Any]) -> bytes:
    def shown(value: object) -> str:
        return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)

    return json.dumps(row, default=shown, ensure_ascii=False).encode(errors="backslashreplace")
