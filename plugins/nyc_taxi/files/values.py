"""The rules for values: what a field means as a value of a column.

There is one set of rules, for CSV fields, for the text columns of a parquet file and for its typed columns.
:func:`read_value` defines them for one value; :mod:`nyc_taxi.files.casts` applies them to whole columns.

========= =====================================================================================
type      accepted
========= =====================================================================================
any       An empty field and the words of :data:`NULL_WORDS` are null, and so is NaN, because pandas writes
          missing values so.
double    A finite decimal number: digits with an optional sign, point and exponent. It becomes the nearest
          double.
integer   A number as above that is whole and fits into 32 bits: ``7``, ``7.0`` and ``7e0`` are the same.
timestamp A time of the calendar, ``YYYY-MM-DD HH:MM`` with optional ``:SS`` and fraction, with a blank or a T
          between day and time. Digits beyond the microsecond are cut off. There is no zone.
text      Any text without NUL characters, unchanged.
========= =====================================================================================

Blanks around a value are ignored, except in text. Everything else is refused, never guessed.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from math import isfinite, isnan
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from nyc_taxi.core.dataset import ColumnType

NULL_WORDS: Final = ("", "NULL", "null", "\\N", "NaN", "nan", "None", "NaT", "<NA>")
"""What SQL, COPY, pandas and Python write in the place of a missing value, in exactly these spellings."""

BLANKS: Final = " \t\n\v\f\r"

_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(?:(:\d\d)(?:\.(\d+))?)?", re.ASCII)
_SMALLEST, _LARGEST = -(2**31), 2**31 - 1
_SHOWN: Final = 60


class BadValue(ValueError):
    """A field is not a value of its column's type; the message is the reason without the column's name."""


Value = str | int | float | datetime | None


def read_value(field: object, type: ColumnType) -> Value:
    """Return what a field means, by the rules of this module.

    :param field: the text of a CSV field, or a value of a parquet file; bytes are UTF-8 text
    :param type: the column's type
    :raises BadValue: saying what is wrong
    """
    if isinstance(field, bytes):
        try:
            field = field.decode()
        except UnicodeDecodeError as error:
            raise BadValue(f"byte {error.start + 1} of {_shown(field)} is not UTF-8") from None
    if isinstance(field, str):
        field = field if type == "text" else field.strip(BLANKS)
        if field in NULL_WORDS:
            return None
    return None if field is None else _READERS[type](field)


def _double(field: object) -> float | None:
    if isinstance(field, str) and not _NUMBER.fullmatch(field):
        raise BadValue(f"{_shown(field)} is not a number")
    if isinstance(field, bool) or not isinstance(field, str | int | float | Decimal):
        raise BadValue(f"{_shown(field)} is not a number")
    try:
        number = float(field)
    except OverflowError:
        number = float("inf")
    if isnan(number):
        return None
    if not isfinite(number):
        raise BadValue(f"{_shown(field)} does not fit into a double")
    return number


def _integer(field: object) -> int | None:
    number = _double(field)
    if number is None:
        return None
    if not number.is_integer():
        raise BadValue(f"{_shown(field)} is not a whole number")
    if not _SMALLEST <= number <= _LARGEST:
        raise BadValue(f"{_shown(field)} does not fit into 32 bits")
    return int(number)


def _timestamp(field: object) -> datetime:
    if isinstance(field, datetime) and field.tzinfo is None:
        return field
    parts = _TIME.fullmatch(field) if isinstance(field, str) else None
    if parts is None:
        raise BadValue(f"{_shown(field)} is not a time of the form YYYY-MM-DD HH:MM:SS")
    day, minute, second, fraction = parts.groups(default="")
    try:
        return datetime.fromisoformat(f"{day}T{minute}{second or ':00'}.{fraction[:6]:0<6}")
    except ValueError:
        raise BadValue(f"{_shown(field)} is not in the calendar") from None


def _text(field: object) -> str | None:
    if isinstance(field, float) and isnan(field):
        return None
    text = str(field)
    if "\0" in text:
        raise BadValue("it contains a NUL byte")
    return text


def _shown(field: object) -> str:
    text = repr(field) if isinstance(field, str | bytes) else str(field)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


_READERS: Final[dict[ColumnType, Callable[[object], Value]]] = {
    "integer": _integer,
    "double": _double,
    "timestamp": _timestamp,
    "text": _text,
}
