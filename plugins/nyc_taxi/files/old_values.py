"""Reading one field as a value of a column, strictly; only the row-by-row reading uses it."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from math import isinf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from nyc_taxi.core.dataset import ColumnType

_INTEGER: Final = re.compile(r"[+-]?\d{1,20}(?:\.0*)?", re.ASCII)
_DOUBLE: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?", re.ASCII)
_INTEGERS: Final = range(-(2**31), 2**31)


class BadValue(ValueError):
    """A field is not a value of its column's type; the message is the reason without the column's name."""


def _integer(text: str) -> str:
    if not _INTEGER.fullmatch(text):
        raise BadValue(f"{_shown(text)} is not a whole number")
    number = int(text.partition(".")[0])
    if number not in _INTEGERS:
        raise BadValue(f"{_shown(text)} does not fit into 32 bits")
    return str(number)


def _double(text: str) -> str:
    if not _DOUBLE.fullmatch(text):
        raise BadValue(f"{_shown(text)} is not a number")
    number = float(text)
    if isinf(number) or (number == 0 and text.lower().partition("e")[0].strip("+-0.")):
        raise BadValue(f"{_shown(text)} does not fit into a double")
    return text


def _timestamp(text: str) -> str:
    if not _TIMESTAMP.fullmatch(text):
        raise BadValue(f"{_shown(text)} is not a time of the form YYYY-MM-DD HH:MM:SS")
    try:
        datetime.fromisoformat(text[:19])
    except ValueError:
        raise BadValue(f"{_shown(text)} is no time of the calendar") from None
    return text


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


_READERS: Final[dict[ColumnType, Callable[[str], str]]] = {
    # Few numbers make up most of a file, and remembering them makes reading several times as fast.
    "integer": lru_cache(4096)(_integer),
    "double": lru_cache(16_384)(_double),
    "timestamp": _timestamp,
}


def read_value(text: str, type: ColumnType) -> str | None:
    """Return a field in the form in which Postgres takes it; None for an empty one.

    Whole numbers may carry zeros behind a point (``1.0`` is 1) but no exponent. Times must be real, and
    written ``YYYY-MM-DD HH:MM:SS``, with or without a fraction, a T for the space, and no zone. Numbers
    must be finite and written in digits. Blanks around anything but text are ignored; text stays as it is.

    :raises BadValue: saying what is wrong
    """
    if type == "text":
        return text or None
    text = text.strip()
    return _READERS[type](text) if text else None
