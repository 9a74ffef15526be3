"""What a file's header means: the column of each field of its rows."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from nyc_taxi.core.dataset import normalise
from nyc_taxi.errors import NotTheFile
from nyc_taxi.files.chunks import records
from nyc_taxi.files.columns import assign, check_identity, check_policy, repeated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nyc_taxi.core.dataset import Column, Dataset

UNRECOGNISED: Final = "not recognised"
"""The schema version of a header that matches none."""

_BOM: Final = b"\xef\xbb\xbf"
_LONGEST_HEADER: Final = 1 << 16
_SAMPLE_BYTES: Final = 1 << 17
_SAMPLE_RECORDS: Final = 100
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_FIRST_RECORD: Final = re.compile(rb'(?:[^"\r\n]++|"[^"]*+")*+(\r\n|\n|\r)')
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Field:
    """What one field of every row means.

    :param column: its column; None when the value goes to ``unmapped``
    :param name: name of the column, or of the value in ``unmapped``
    """

    column: Column | None
    name: str


@dataclass(frozen=True, slots=True)
class HeaderPlan:
    """What a file's header means.

    :param header: the names as the file spells them
    :param fields: one per field of a row, in the file's order, including fields beyond the header
    :param missing: columns that a file of its schema version should have and this one lacks
    :param unknown: names of fields that go to ``unmapped``, except those beyond the header
    :param schema_version: name of the schema version, or :data:`UNRECOGNISED`
    :param line_end: how the file's data rows end: LF, CRLF or CR; empty in a file without lines
    :param data_offset: bytes of the uncompressed file before its first data row
    """

    header: tuple[str, ...]
    fields: tuple[Field, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    schema_version: str
    line_end: bytes
    data_offset: int


def plan_csv(dataset: Dataset, first_block: bytes) -> HeaderPlan:
    """Return what the header of a CSV file means.

    Names are compared without case, padding and quotes. A byte order mark may precede the header, and blank
    lines may follow it. If most of the first rows have more fields than the header, the others are called
    ``surplus_1`` and so on. The line end is that of the data rows, which in TLC's files is not
    always the header's.

    :param first_block: the uncompressed file's first bytes, at least 128 KiB unless it is shorter
    :raises NotTheFile: when the first line is not a header
    :raises SchemaDrift: when the dataset's policy does not accept the columns
    """
    start = len(_BOM) if first_block.startswith(_BOM) else 0
    start = _after_line_ends(first_block, start)
    if start == len(first_block):
        raise NotTheFile(f"The file for {dataset.name} is empty. Check the source, and fetch the file again.")
    line_end = _LINE_END.search(first_block, start)
    end = line_end.start() if line_end else len(first_block)
    header = _parse(dataset, first_block[start:end])
    data_offset = _after_line_ends(first_block, end)
    data = first_block[data_offset : data_offset + _SAMPLE_BYTES]
    first_record = _FIRST_RECORD.match(data) or _LINE_END.search(data)
    if first_record:
        data_line_end = first_record[first_record.lastindex or 0]
    else:
        data_line_end = line_end[0] if line_end else b"\n"
    surplus = max(0, _width(data, data_line_end) - len(header))
    return _plan(dataset, header, surplus, data_line_end, data_offset)


def plan_names(dataset: Dataset, names: Sequence[str]) -> HeaderPlan:
    """Return what the column names of a file without header lines, such as parquet, mean.

    :raises NotTheFile: when not one of the names is known to any dataset
    :raises SchemaDrift: when the dataset's policy does not accept the columns
    """
    return _plan(dataset, tuple(names), 0, b"", 0)


def _after_line_ends(block: bytes, start: int) -> int:
    return len(block) - len(block[start:].lstrip(b"\r\n"))


def _parse(dataset: Dataset, line: bytes) -> tuple[str, ...]:
    """Return the names in a header line.

    :raises NotTheFile: when it is not a line of text with matching quotes
    """
    if len(line) > _LONGEST_HEADER:
        raise _no_header(dataset, line, f"is longer than {_LONGEST_HEADER:,} bytes")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise _no_header(dataset, line, f"is not UTF-8 at byte {error.start + 1}") from error
    if _CONTROL.search(text):
        raise _no_header(dataset, line, "is not text")
    try:
        return tuple(next(csv.reader([text], strict=True)))
    except csv.Error as error:
        raise _no_header(dataset, line, f"is not CSV ({error})") from error


def _no_header(dataset: Dataset, line: bytes, why: str) -> NotTheFile:
    return NotTheFile(
        f"This is not a CSV file of {dataset.name} with a header: its first line {why}. It begins with "
        f"{line[:60]!r}. Check the source, and fetch the file again."
    )


def _width(data: bytes, line_end: bytes) -> int:
    """Return how many fields most of the first rows have, or the smaller number when there is a tie."""
    rows = [row.content for row in islice(records(data, line_end), _SAMPLE_RECORDS) if row.content.strip()]
    if len(rows) > 1 and not data.endswith(line_end):
        rows.pop()
    widths = Counter(map(_fields, rows))
    return max(widths, key=lambda width: (widths[width], -width), default=0)


def _fields(row: bytes) -> int:
    if b'"' not in row:
        return row.count(b",") + 1
    try:
        return len(next(csv.reader([row.decode("latin-1")])))
    except csv.Error:
        return 0


def _plan(
    dataset: Dataset, header: tuple[str, ...], surplus: int, line_end: bytes, data_offset: int
) -> HeaderPlan:
    names = [normalise(name) for name in header]
    check_identity(dataset, names)
    schema_version, columns = assign(dataset, names)
    fields: list[Field] = []
    taken = {column.name for column in columns if column}
    closest = schema_version or max(
        dataset.schema_versions, key=lambda one: len(taken.intersection(one.columns))
    )
    missing = tuple(name for name in closest.columns if name not in taken)
    for position, (name, column) in enumerate(zip(names, columns, strict=True), start=1):
        free = column.name if column else _free(name or f"unnamed_{position}", taken)
        fields.append(Field(column, free))
    unknown = tuple(field.name for field in fields if field.column is None)
    fields += [Field(None, _free(f"surplus_{number}", taken)) for number in range(1, surplus + 1)]
    check_policy(dataset, missing, unknown, repeated(dataset, schema_version, names))
    return HeaderPlan(
        header,
        tuple(fields),
        missing,
        unknown,
        schema_version.name if schema_version else UNRECOGNISED,
        line_end,
        data_offset,
    )


def _free(name: str, taken: set[str]) -> str:
    """Return the name, or the name with a number that makes it unique, and take it."""
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free
