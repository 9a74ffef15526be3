"""A second reading of CSV, in plain Python, field by field, to compare the fast one with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from nyc_taxi.files.chunks import records
from nyc_taxi.files.header import plan_csv
from nyc_taxi.files.values import BadValue, read_value
from tests.trips import MONTH

if TYPE_CHECKING:
    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.month import Month
    from nyc_taxi.files.header import HeaderPlan


class Reading(NamedTuple):
    """What a file holds.

    :param plan: what its header means
    :param fields: the fields of each row that has as many as it should, by row number
    :param rows: the values of each good row, without nulls
    :param rejects: row number, line number and content of each other row
    """

    plan: HeaderPlan
    fields: dict[int, list[str]]
    rows: list[dict[str, Any]]
    rejects: list[tuple[int, int | None, bytes]]


def read_csv(dataset: Dataset, content: bytes, month: Month = MONTH) -> Reading:
    """Read the content of a CSV file."""
    plan = plan_csv(dataset, content[: 1 << 20], month)
    reading = Reading(plan, {}, [], [])
    newline = plan.line_end[-1:]
    first_line = 1 + content[: plan.data_offset].count(newline)
    number = 0
    for record in records(content[plan.data_offset :], plan.line_end, first_line):
        if not record.content.strip(b"\r\n"):
            continue
        number += 1
        try:
            fields = split(record.content.rstrip(b"\r"), len(plan.fields))
            reading.fields[number] = fields
            reading.rows.append({"row_number": number, **values(plan, fields)})
        except BadValue:
            reading.rejects.append((number, record.line, record.content))
    return reading


def values(plan: HeaderPlan, fields: list[str]) -> dict[str, Any]:
    """Return the values of a row's fields by column, without nulls."""
    row: dict[str, Any] = {}
    unmapped: dict[str, Any] = {}
    for meaning, text in zip(plan.fields, fields, strict=True):
        value = read_value(text, meaning.column.type if meaning.column else "text")
        if value is not None:
            (row if meaning.column else unmapped)[meaning.name] = value
    return row | ({"unmapped": json.dumps(unmapped, ensure_ascii=False)} if unmapped else {})


def split(record: bytes, width: int) -> list[str]:
    """Return the fields of a record, character by character."""
    try:
        text = record.decode()
    except UnicodeDecodeError:
        raise BadValue("not UTF-8") from None
    if "\0" in text:
        raise BadValue("NUL")
    fields: list[str] = []
    at = 0
    while not fields or at < len(text):
        if fields:
            if text[at] != ",":
                raise BadValue("text after a closing quote")
            at += 1
        field, at = (quoted if text[at : at + 1] == '"' else unquoted)(text, at)
        fields.append(field)
    if len(fields) < width or any(fields[width:]):
        raise BadValue("another number of fields")
    return fields[:width]


def quoted(text: str, at: int) -> tuple[str, int]:
    """Return the quoted field that begins at a place, and where it ends."""
    field = ""
    at += 1
    while text[at : at + 1] != '"' or text[at : at + 2] == '""':
        if at >= len(text):
            raise BadValue("a quote is not closed")
        field += text[at]
        at += 2 if text[at] == '"' else 1
    return field, at + 1


def unquoted(text: str, at: int) -> tuple[str, int]:
    """Return the field without quotes that begins at a place, and where it ends."""
    field = ""
    while at < len(text) and text[at] != ",":
        if text[at] in '"\r\n':
            raise BadValue("a quote or a line end in a field without quotes")
        field += text[at]
        at += 1
    return field, at
