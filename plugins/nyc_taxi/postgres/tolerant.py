"""Reading a CSV file row by row, after COPY has refused it: good rows are loaded, bad rows are kept."""

from __future__ import annotations

import csv
import json
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from nyc_taxi.errors import TruncatedFile
from nyc_taxi.files.header import plan_csv
from nyc_taxi.files.old_csvfile import blocks, records
from nyc_taxi.files.old_values import BadValue, read_value
from nyc_taxi.postgres.csv_copy import opening
from nyc_taxi.postgres.intake import Loaded
from nyc_taxi.postgres.rejects import escaped
from nyc_taxi.postgres.statements import names, statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import psycopg

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.files.header import HeaderPlan
    from nyc_taxi.postgres.rejects import Rejects
    from nyc_taxi.postgres.tables import StageTable

_WRITTEN_AT_ONCE: Final = 500
"""Rows that are handed to the connection together: one by one, sending would cost more than reading."""


def copy_tolerantly(
    connection: psycopg.Connection[Any],
    dataset: Dataset,
    stage: StageTable,
    path: Path,
    rejects: Rejects,
    progress: Callable[[int], None],
) -> Loaded:
    """Copy the rows of a file that can be read into its stage table, and the others to ``rejects``.

    Every record of the file counts, blank lines aside: a row keeps the ordinal that it has in the file,
    so the numbers of loaded rows have gaps where rows were refused.

    :param progress: called with the bytes of content read so far
    :raises TruncatedFile: when the last record has no line end and cannot be read
    :raises SchemaDrift: when the dataset's policy does not accept the header
    """
    content = _Metered(blocks(path), progress)
    first = opening(content)
    plan = plan_csv(dataset, first)
    header_lines = _lines(first[: plan.data_offset], plan.line_end)
    columns = [target.column.name for target in plan.targets if target.column]
    rows = 0
    held: list[str] = []
    cut: tuple[int, str] | None = None
    with connection.cursor() as cursor:
        with cursor.copy(statement("copy_rows", table=stage.table, columns=names(columns))) as copy:
            body = chain((first[plan.data_offset :],), content)
            for line, record in records(body, plan.line_end):
                if not record.strip(b"\r\n"):
                    continue
                rows += 1
                cut = None
                try:
                    held.append(f"{rows}\t{_row(plan, record)}\n")
                except BadValue as bad:
                    cut = (header_lines + line, str(bad))
                    rejects.add(rows, header_lines + line, str(bad), record)
                if len(held) == _WRITTEN_AT_ONCE:
                    copy.write("".join(held))
                    held.clear()
            copy.write("".join(held))
        loaded = cursor.rowcount
    if cut is not None and content.last not in b"\r\n":
        raise TruncatedFile(
            f"The file ends in the middle of line {cut[0]} ({cut[1]}, and no line end follows). "
            "It was not stored whole: fetch or write it again. Nothing was loaded."
        )
    return Loaded(plan, rows, loaded, rejects.count, content.size)


def _row(plan: HeaderPlan, record: bytes) -> str:
    """Return a record as the fields of a COPY in text format.

    :raises BadValue: saying why the record cannot be read
    """
    fields = _fields(record)
    surplus = fields[len(plan.targets) :]
    if len(fields) < len(plan.targets) or any(surplus):
        raise BadValue(f"{len(fields)} fields where {len(plan.targets)} belong")
    values: list[str] = []
    unmapped: dict[str, str] = {}
    for target, text in zip(plan.targets, fields, strict=False):
        if not text:
            if target.column is not None:
                values.append(r"\N")
        elif target.column is None:
            unmapped[target.name] = text
        elif target.column.type == "text":
            values.append(escaped(text))
        else:
            try:
                values.append(read_value(text, target.column.type) or r"\N")
            except BadValue as bad:
                raise BadValue(f"{target.column.name}: {bad}") from None
    values.append(escaped(json.dumps(unmapped, ensure_ascii=False)) if unmapped else r"\N")
    return "\t".join(values)


def _fields(record: bytes) -> list[str]:
    if b"\0" in record:
        raise BadValue("it contains a NUL byte")
    try:
        text = record.decode()
    except UnicodeDecodeError as error:
        raise BadValue(f"byte {error.start + 1} of the line is not UTF-8") from None
    text = text.rstrip("\r")
    if '"' not in text:
        if "\r" in text or "\n" in text:
            raise BadValue("it contains a line end that is not the file's")
        return text.split(",")
    try:
        (fields,) = csv.reader([text], strict=True)
    except (csv.Error, ValueError):
        raise BadValue("its quotes do not match") from None
    return fields


def _lines(text: bytes, line_end: bytes) -> int:
    return text.count(b"\r" if line_end == b"\r" else b"\n")


class _Metered:
    """Blocks of a file, with how many bytes have passed and what the last one was."""

    def __init__(self, content: Iterator[bytes], progress: Callable[[int], None]) -> None:
        self._content = content
        self._progress = progress
        self.size = 0
        self.last = b"\n"

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = next(self._content)
        if block:
            self.size += len(block)
            self.last = block[-1:]
            self._progress(self.size)
        return block
