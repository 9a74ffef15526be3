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
from nyc_taxi.files.columns import assign, check_identity, check_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nyc_taxi.core.dataset import Column, Dataset
    from nyc_taxi.core.month import Month

UNRECOGNISED: Final = "not recognised"
"""The schema version of a header that lacks a column of each."""

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
    :param fields: one per field of a row, in the file's order: fields beyond the header are among them,
        nameless ones that are in the header only are not
    :param missing: columns that every file of its month has and this one lacks
    :param unknown: names of fields that go to ``unmapped``; of those without a name only the ones that
        have a value in the first rows
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


def plan_csv(dataset: Dataset, first_block: bytes, month: Month) -> HeaderPlan:
    """Return what the header of a CSV file means.

    Names are compared without case, padding, quotes, blanks, underscores and dashes. A byte order mark may
    precede the header, and blank lines may follow it. The line end is that of the data rows, which in TLC's
    files is not always the header's.

    The first rows decide how many fields a row has. Those beyond the header are called ``surplus_1`` and so
    on. A field whose name is empty is called ``unnamed_1`` by its position; where rows have fewer fields
    than the header, such as after a comma at its end, it is not a field at all.

    :param first_block: the uncompressed file's first bytes, at least 128 KiB unless it is shorter
    :param month: the file's month
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
    rows = _usual(data, data_line_end)
    return _plan(dataset, month, header, rows, data_line_end, data_offset)


def plan_names(dataset: Dataset, names: Sequence[str], month: Month) -> HeaderPlan:
    """Return what the column names of a file without header lines, such as parquet, mean.

    :param month: the file's month
    :raises NotTheFile: when not one of the names is known to any dataset
    :raises SchemaDrift: when the dataset's policy does not accept the columns
    """
    return _plan(dataset, month, tuple(names), [["a value"] * len(names)], b"", 0)


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


def _usual(data: bytes, line_end: bytes) -> list[list[str]]:
    """Return the fields of those first rows that have as many as most; the fewest when there is a tie."""
    rows = [row.content for row in islice(records(data, line_end), _SAMPLE_RECORDS) if row.content.strip()]
    if len(rows) > 1 and not data.endswith(line_end):
        rows.pop()
    split = [_fields(row) for row in rows]
    widths = Counter(map(len, split))
    usual = max(widths, key=lambda width: (widths[width], -width), default=0)
    return [fields for fields in split if len(fields) == usual]


def _fields(row: bytes) -> list[str]:
    text = row.decode("latin-1").rstrip("\r\n")
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text]))
    except csv.Error:
        return []


def _plan(
    dataset: Dataset,
    month: Month,
    header: tuple[str, ...],
    rows: list[list[str]],
    line_end: bytes,
    data_offset: int,
) -> HeaderPlan:
    """Return the plan.

    :param rows: the fields of some rows, all with the same number
    """
    width = len(rows[0]) if rows else len(header)
    names = _of_fields([normalise(name) for name in header], width)
    check_identity(dataset, names, month)
    assigned = assign(dataset, names, month)
    fields: list[Field] = []
    nameless: set[str] = set()
    taken = set(assigned.found)
    for position, (name, column) in enumerate(zip(names, assigned.columns, strict=True), start=1):
        free = column.name if column else _free(name or f"unnamed_{position}", taken)
        fields.append(Field(column, free))
        if not name:
            nameless.add(free)
    for number in range(1, width - len(names) + 1):
        fields.append(Field(None, _free(f"surplus_{number}", taken)))
        nameless.add(fields[-1].name)
    unknown = tuple(
        field.name
        for position, field in enumerate(fields)
        if field.column is None and (field.name not in nameless or _is_filled(rows, position))
    )
    check_policy(dataset, names, month, assigned, unknown)
    return HeaderPlan(
        header,
        tuple(fields),
        assigned.missing,
        unknown,
        UNRECOGNISED if assigned.missing else assigned.schema_version.name,
        line_end,
        data_offset,
    )


def _is_filled(rows: list[list[str]], position: int) -> bool:
    return any(row[position].strip() for row in rows if position < len(row))


def _of_fields(names: list[str], width: int) -> list[str]:
    """Return the names without as many empty ones as rows have too few fields, the last ones first."""
    surplus = len(names) - width
    if surplus <= 0 or names.count("") < surplus:
        return names
    empty = [position for position, name in enumerate(names) if not name][-surplus:]
    return [name for position, name in enumerate(names) if position not in empty]


def _free(name: str, taken: set[str]) -> str:
    """Return the name, or the name with a number that makes it unique, and take it."""
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free
