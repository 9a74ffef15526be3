"""Judging the last row of a CSV file that has no line end after it: a download may have been cut there.

Commas prove all fields of such a row but the last one.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from nyc_taxi.files.chunks import RECORD
from nyc_taxi.files.values import BadValue, read_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nyc_taxi.files.header import HeaderPlan


def could_be_cut(record: bytes, plan: HeaderPlan) -> bool:
    """Whether a row that was rejected may be the beginning of a good one."""
    if not RECORD.fullmatch(record):
        return True
    fields = _fields(record)
    if len(fields) != len(plan.fields):
        return len(fields) < len(plan.fields)
    column = plan.fields[-1].column
    try:
        read_value(fields[-1], column.type if column else "text")
    except BadValue:
        return True
    return False


def oddness(record: bytes, before: Sequence[bytes], plan: HeaderPlan) -> str:
    """Return why the last field of a good row may be cut; an empty text when it has the form of the others.

    :param before: rows before it
    """
    last = _fields(record)[-1].strip()
    others = [fields[-1].strip() for fields in map(_fields, before) if len(fields) == len(plan.fields)]
    field = plan.fields[-1]
    odd = others and _odd(last, others, field.column.type if field.column else "text")
    return f"{field.name}: {odd}, and the file ends there without a line end" if odd else ""


def _odd(last: str, others: Sequence[str], type: str) -> str:
    if not last:
        return "it is empty, which it is in no row before" if all(others) else ""
    filled = [other for other in others if other]
    if type in {"integer", "double"}:
        forms = {_decimals(other) for other in filled}
        cut = last.endswith(".") or _decimals(last) < min(forms, default=0)
    else:
        forms = {len(other) for other in filled}
        cut = len(last) < min(forms, default=0)
    if cut and len(forms) == 1:
        return f"{last!r} is shorter than the values before, such as {filled[-1]!r}"
    return ""


def _decimals(number: str) -> int:
    return len(number.partition(".")[2])


def _fields(record: bytes) -> list[str]:
    text = record.decode(errors="replace").rstrip("\r\n")
    return next(csv.reader([text]), [""]) if '"' in text else text.split(",")
