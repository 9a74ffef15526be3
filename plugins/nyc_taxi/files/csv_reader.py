"""Reading a CSV file in batches: Arrow splits each chunk into columns, which are cast as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from nyc_taxi.core.numerals import counted
from nyc_taxi.errors import TruncatedFile
from nyc_taxi.files.assemble import assemble
from nyc_taxi.files.batch import Batch, RejectedRow, batch_schema
from nyc_taxi.files.casts import cast_proven, cast_texts
from nyc_taxi.files.chunks import RECORD, chunks
from nyc_taxi.files.csvfile import blocks
from nyc_taxi.files.header import plan_csv
from nyc_taxi.files.last_line import could_be_cut, oddness
from nyc_taxi.files.values import NULL_WORDS, BadValue, read_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.month import Month
    from nyc_taxi.files.chunks import Chunk
    from nyc_taxi.files.header import HeaderPlan

_OPENING: Final = 1 << 17
"""Bytes that :func:`~nyc_taxi.files.header.plan_csv` has to see."""

_COMPARED: Final = 1_000
"""Rows before the last one that it is compared with when it has no line end."""

_FIELDS: Final = re.compile(rb'(?:\A|,)("[^"]*+(?:""[^"]*+)*+"|[^",\r\n]*+)')


class CsvReader:
    """The rows of a CSV file, compressed or not.

    :param whole: whether it is known that the file is not cut
    :raises NotTheFile: when it is not a CSV file with a header
    :raises SchemaDrift: when the dataset's policy does not accept the columns
    :raises TruncatedFile: when its compressed content ends early
    """

    def __init__(self, dataset: Dataset, path: Path, month: Month, *, whole: bool = False) -> None:
        self._dataset = dataset
        self._path = path
        self._content = blocks(path)
        self._opening = b""
        for block in self._content:
            self._opening += block
            if len(self._opening) >= _OPENING:
                break
        self.plan: HeaderPlan = plan_csv(dataset, self._opening, month)
        self.rows = 0
        self.bytes = self.plan.data_offset
        self.unended = 0
        self._whole = whole
        self._cut = ""

    def __iter__(self) -> Iterator[Batch]:
        line_end = self.plan.line_end
        start = self.plan.data_offset
        first_line = 1 + self._opening.count(line_end[-1:], 0, start)
        body = chain((self._opening[start:],), self._content)
        self._opening = b""
        for chunk in chunks(body, line_end, first_line):
            self.rows += chunk.rows
            self.bytes += len(chunk.content)
            records = _Records(chunk, line_end)
            batch = _batch(self._dataset, self.plan, records)
            if chunk.rows and chunk.content[-1] not in b"\r\n":
                batch = self._ended(batch, records)
            yield batch

    def close(self) -> None:
        """Close the file."""
        self._content.close()

    def check_end(self) -> None:
        """Refuse a file that breaks off: its last record has no line end, and is not a whole row.

        :raises TruncatedFile: naming the line
        """
        if self._cut:
            raise TruncatedFile(
                f"{self._path} ends in the middle of {self._cut}. The file is cut: fetch it again, and if it "
                "comes the same, the source's own copy is cut."
            )

    def _ended(self, batch: Batch, records: _Records) -> Batch:
        """Judge the last row of the file, which has no line end: reject it when it may be cut."""
        last = records.contents[-1]
        self.unended = 0 if self._whole else self.rows
        if batch.rejects and batch.rejects[-1].row_number == self.rows:
            if could_be_cut(last, self.plan):
                self._cut = f"line {batch.rejects[-1].line_number} ({batch.rejects[-1].reason})"
            return batch
        if self._whole:
            return batch
        odd = oddness(last, records.contents[-1 - _COMPARED : -1], self.plan)
        if not odd:
            return batch
        rejected = records.reject(len(records.contents) - 1, odd)
        return Batch(batch.rows.slice(0, batch.rows.num_rows - 1), (*batch.rejects, rejected))


def _batch(dataset: Dataset, plan: HeaderPlan, records: _Records) -> Batch:
    chunk = records.chunk
    numbers = np.arange(chunk.first_row, chunk.first_row + chunk.rows, dtype=np.int64)
    if not chunk.irregular:
        try:
            return _typed(dataset, plan, chunk.content, numbers, records)
        except pa.ArrowInvalid:  # A record has too few or too many fields.
            pass
    return _sort_out(dataset, plan, numbers, records)


def _sort_out(dataset: Dataset, plan: HeaderPlan, numbers: np.ndarray, records: _Records) -> Batch:
    """Look at each record by itself, and type those that have as many fields as they should."""
    width = len(plan.fields)
    simple = not records.chunk.irregular and b'"' not in records.chunk.content
    good: list[int] = []
    contents: list[bytes] = []
    rejects: list[RejectedRow] = []
    for index, record in enumerate(records.contents):
        if simple and record.count(b",") == width - 1:
            contents.append(record)
            good.append(index)
            continue
        try:
            contents.append(_trimmed(record, width))
            good.append(index)
        except BadValue as bad:
            rejects.append(records.reject(index, str(bad)))
    if not good:
        return Batch(pa.RecordBatch.from_pylist([], batch_schema(dataset)), tuple(rejects))
    batch = _typed(dataset, plan, b"\n".join(contents), numbers[good], records, good)
    return Batch(
        batch.rows, tuple(sorted((*rejects, *batch.rejects), key=lambda rejected: rejected.row_number))
    )


def _typed(
    dataset: Dataset,
    plan: HeaderPlan,
    content: bytes,
    numbers: np.ndarray,
    records: _Records,
    good: Sequence[int] | None = None,
) -> Batch:
    """Return the batch of some well-formed records.

    :param good: the index of each of them among all records; None when they are all
    :raises pyarrow.ArrowInvalid: when a record has another number of fields
    """

    def reject(index: int, position: int) -> RejectedRow:
        field = plan.fields[position]
        value = columns[position][index].as_py()
        reason = f"{value!r} is another dataset's trip"
        try:
            read_value(value, field.column.type if field.column else "text")
        except BadValue as bad:
            reason = str(bad)
        return records.reject(good[index] if good else index, f"{field.name}: {reason}")

    row_numbers = pa.array(numbers)
    try:
        columns = _columns(content, plan, numbers=pa.float64())
        return assemble(dataset, plan, columns, row_numbers, cast_proven, reject)
    except pa.ArrowInvalid:  # A number is not as Arrow expects it.
        columns = _columns(content, plan, numbers=pa.string())
        return assemble(dataset, plan, columns, row_numbers, cast_texts, reject)


@dataclass(frozen=True)
class _Records:
    """The records of a chunk one by one, looked up only when there is something to reject."""

    chunk: Chunk
    line_end: bytes

    @cached_property
    def contents(self) -> list[bytes]:
        if self.chunk.irregular:
            return [record.content for record in self.chunk.irregular]
        newline = self.line_end[-1:]
        return self.chunk.content.removesuffix(newline).split(newline) if self.chunk.rows else []

    def reject(self, index: int, reason: str) -> RejectedRow:
        line = self.chunk.irregular[index].line if self.chunk.irregular else self.chunk.first_line + index
        content = self.contents[index].removesuffix(self.line_end[:-1])
        return RejectedRow(self.chunk.first_row + index, line, reason, content)


def _trimmed(record: bytes, width: int) -> bytes:
    """Return a record without line end and empty surplus fields.

    :raises BadValue: when it has too few fields or too many, or is not well-formed
    """
    if b"\0" in record:
        raise BadValue("it contains a NUL byte")
    try:
        record.decode()
    except UnicodeDecodeError as error:
        raise BadValue(f"byte {error.start + 1} of the line is not UTF-8") from None
    record = record.rstrip(b"\r")
    if b'"' in record:
        if not RECORD.fullmatch(record):
            raise BadValue("its quotes do not match")
        fields = [field[1] for field in _FIELDS.finditer(record)]
    elif b"\r" in record or b"\n" in record:
        raise BadValue("it contains a line end that is not the file's")
    else:
        fields = record.split(b",")
    if len(fields) < width or not {b"", b'""'}.issuperset(fields[width:]):
        raise BadValue(f"it has {counted(len(fields), 'field')} instead of {width}")
    return b",".join(fields[:width])


def _columns(content: bytes, plan: HeaderPlan, *, numbers: pa.DataType) -> list[pa.Array]:
    """Return the fields of well-formed records as columns, in which null words are null.

    :param numbers: as what to read the columns of numbers; all others are text
    :raises pyarrow.ArrowInvalid: when a record has another number of fields, or a number is none to Arrow
    """
    types = {
        str(position): numbers if field.column and field.column.type in {"integer", "double"} else pa.string()
        for position, field in enumerate(plan.fields)
    }
    quoted = b'"' in content
    table = pa_csv.read_csv(
        pa.BufferReader(content),
        pa_csv.ReadOptions(column_names=list(types), block_size=len(content) + 1),
        pa_csv.ParseOptions(
            quote_char='"' if quoted else False, newlines_in_values=quoted, ignore_empty_lines=False
        ),
        pa_csv.ConvertOptions(
            column_types=types, null_values=NULL_WORDS, strings_can_be_null=True, check_utf8=False
        ),
    )
    return [column.combine_chunks() for column in table.columns]
