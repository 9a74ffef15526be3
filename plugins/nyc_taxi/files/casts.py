"""The rules of :mod:`nyc_taxi.files.values` for whole columns, at the speed of Arrow.

Arrow's own casts are used only where they provably give what :func:`~nyc_taxi.files.values.read_value` gives.
All other texts are read by that function, once per distinct text of a column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from nyc_taxi.errors import SchemaDrift
from nyc_taxi.files.batch import TYPES
from nyc_taxi.files.values import NULL_WORDS, BadValue, read_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from nyc_taxi.core.dataset import Column, ColumnType

_ZONES: Final = ("America/New_York", "US/Eastern", "EST5EDT")
_FIRST_TIME: Final = pa.scalar(-62_135_596_800_000_000, pa.timestamp("us"))
_LAST_TIME: Final = pa.scalar(253_402_300_799_999_999, pa.timestamp("us"))
_WORDS: Final = pa.array(NULL_WORDS, pa.string())
_NO_TIME: Final = pa.array([len("2021-01-01"), len("2021-01-01 10")], pa.int32())
"""Lengths of what Arrow reads as a time and the rules do not: a day, and an hour."""

Cast = tuple[pa.Array, pa.BooleanArray | None]
"""Values of the column's type, null where they were refused; and which were refused, None for none."""


def check_type(column: Column, type: pa.DataType, name: str) -> None:
    """Refuse a parquet column whose type can hold no value of the dataset's column.

    Integers without a time unit are not times, and times of another zone than New York's are not wall
    clock, whatever program wrote them.

    :param name: the column's name in the file
    :raises SchemaDrift: naming it
    """
    wanted = _plain_type(type)
    fits = pa.types.is_null(wanted) or holds_text(wanted)
    if column.type in {"integer", "double"}:
        fits |= _is_number(wanted)
    elif column.type == "text":
        fits |= pa.types.is_integer(wanted) or pa.types.is_floating(wanted)
    elif pa.types.is_timestamp(wanted):
        if wanted.tz is not None and wanted.tz not in _ZONES:
            raise SchemaDrift(
                f"The column {name} has times in the zone {wanted.tz}; the dataset's times are New York wall "
                "clock. Convert the column to America/New_York and drop its zone, or load another copy."
            )
        fits = True
    if not fits:
        raise SchemaDrift(
            f"The column {name} is {type} in the file, which is never a {column.type}. Convert the column, "
            "or load another copy."
        )


def cast_column(values: pa.Array, type: ColumnType) -> Cast:
    """Return a column's values by the rules, and a mask of those that break them.

    :param values: an array of a type that :func:`check_type` accepts
    :param type: the type of the dataset's column
    """
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if isinstance(values, pa.DictionaryArray):
        decoded, bad = cast_column(values.dictionary, type)
        bad = None if bad is None else pc.fill_null(bad.take(values.indices), fill_value=False)
        return decoded.take(values.indices), bad
    if pa.types.is_null(values.type):
        return values.cast(TYPES[type]), None
    return _from_text(values, type) if holds_text(values.type) else _NATIVE[type](values)


def _from_text(values: pa.Array, type: ColumnType) -> Cast:
    try:
        texts = values.cast(pa.string())
        texts.validate(full=True)
    except pa.ArrowInvalid:  # not UTF-8
        return _one_by_one(values, type)
    return cast_texts(pc.if_else(pc.is_in(texts, _WORDS), None, texts), type)


def cast_texts(values: pa.StringArray, type: ColumnType) -> Cast:
    """Cast valid UTF-8 texts whose null words are null already, as those that come from a CSV file."""
    good = _in_bulk(values, type)
    if good is not None:
        return good, None
    usual = pc.match_substring_regex(values, _USUAL[type])
    good = _in_bulk(pc.if_else(usual, values, None), type)
    if good is None:
        return _one_by_one(values, type)
    odd, bad = _one_by_one(pc.if_else(usual, None, values), type)
    return pc.coalesce(good, odd), bad


def _in_bulk(values: pa.StringArray, type: ColumnType) -> pa.Array | None:
    """Return the values as Arrow casts them, or None when it cannot, or not provably by the rules."""
    try:
        return _BULK[type](values)
    except pa.ArrowInvalid:
        return None


def cast_proven(values: pa.Array, type: ColumnType) -> Cast:
    """Cast a CSV column whose numbers Arrow has read already.

    What Arrow reads as a finite number is one by the rules.

    :raises pyarrow.ArrowInvalid: when the column has to be read again, as text
    """
    if type not in {"integer", "double"}:
        return cast_texts(values, type)
    if pc.all(pc.is_finite(values)).as_py() is False:
        raise pa.ArrowInvalid("a number is not finite")
    return values if type == "double" else values.cast(pa.int32()), None


def _bulk_double(values: pa.StringArray) -> pa.Array | None:
    numbers = values.cast(pa.float64())
    return numbers if pc.all(pc.is_finite(numbers)).as_py() is not False else None


def _bulk_integer(values: pa.StringArray) -> pa.Array | None:
    return values.cast(pa.float64()).cast(pa.int32())


def _bulk_timestamp(values: pa.StringArray) -> pa.Array | None:
    if pc.any(pc.is_in(pc.binary_length(values), _NO_TIME)).as_py():
        return None
    return values.cast(pa.timestamp("us"))


def _bulk_text(values: pa.StringArray) -> pa.Array | None:
    return None if pc.any(pc.match_substring(values, "\0")).as_py() else values


_BULK: Final[dict[ColumnType, Callable[[pa.StringArray], pa.Array | None]]] = {
    "integer": _bulk_integer,
    "double": _bulk_double,
    "timestamp": _bulk_timestamp,
    "text": _bulk_text,
}


_USUAL: Final[dict[ColumnType, str]] = {
    "integer": r"^[0-9]{1,9}$",
    "double": r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$",
    "timestamp": r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$",
    "text": "^[^\\x00]*$",
}
"""The spellings of nearly all values, which need no closer look when others in their column do."""


def _one_by_one(values: pa.Array, type: ColumnType) -> Cast:
    """Read each distinct value by the definition of the rules."""
    encoded = (values.cast(pa.binary()) if holds_text(values.type) else values).dictionary_encode()
    read: list[Any] = []
    bad: list[bool] = []
    for text in encoded.dictionary.to_pylist():
        try:
            read.append(read_value(text, type))
            bad.append(False)
        except BadValue:
            read.append(None)
            bad.append(True)
    refused = pc.fill_null(pa.array(bad, pa.bool_()).take(encoded.indices), fill_value=False)
    return pa.array(read, TYPES[type]).take(encoded.indices), refused


def _native_double(values: pa.Array) -> Cast:
    if pa.types.is_decimal(values.type):
        return _from_text(values.cast(pa.string()), "double")
    numbers = values.cast(pa.float64(), safe=False)
    numbers = pc.if_else(pc.is_nan(numbers), None, numbers)
    return _without(numbers, pc.is_finite(numbers))


def _native_integer(values: pa.Array) -> Cast:
    numbers, bad = _native_double(values)
    whole = pc.equal(numbers, pc.floor(numbers))
    fits = pc.and_(pc.greater_equal(numbers, -(2**31)), pc.less_equal(numbers, 2**31 - 1))
    numbers, unfit = _without(numbers, pc.and_(whole, fits))
    return numbers.cast(pa.int32()), bad if unfit is None else unfit if bad is None else pc.or_(bad, unfit)


def _native_timestamp(values: pa.Array) -> Cast:
    if values.type.tz is not None:
        values = pc.local_timestamp(values)
    if values.type.unit == "ns":
        return _microseconds(values.cast(pa.int64())).cast(pa.timestamp("us")), None
    if values.type.unit in {"s", "ms"}:
        bounds = (_FIRST_TIME.cast(values.type), _LAST_TIME.cast(values.type, safe=False))
        values, bad = _without(values, _between(values, *bounds))
        return values.cast(pa.timestamp("us")), bad
    return _without(values.cast(pa.timestamp("us")), _between(values, _FIRST_TIME, _LAST_TIME))


def _microseconds(nanoseconds: pa.Int64Array) -> pa.Int64Array:
    """Divide and round down; Arrow's division rounds towards zero, and its floor_temporal can overflow."""
    towards_zero = pc.divide(nanoseconds, 1000)
    above = pc.less(nanoseconds, pc.multiply(towards_zero, 1000))
    return pc.subtract(towards_zero, above.cast(pa.int64()))


def _native_text(values: pa.Array) -> Cast:
    if pa.types.is_floating(values.type):
        return _one_by_one(values.cast(pa.float64()), "text")
    return values.cast(pa.string()), None


_NATIVE: Final[dict[ColumnType, Callable[[pa.Array], Cast]]] = {
    "integer": _native_integer,
    "double": _native_double,
    "timestamp": _native_timestamp,
    "text": _native_text,
}


def _between(values: pa.Array, first: pa.Scalar, last: pa.Scalar) -> pa.BooleanArray:
    return pc.and_(pc.greater_equal(values, first), pc.less_equal(values, last))


def _without(values: pa.Array, good: pa.BooleanArray) -> Cast:
    """Return the good values, and which are not."""
    if pc.all(good).as_py() is not False:
        return values, None
    good = pc.fill_null(good, fill_value=True)
    return pc.if_else(good, values, None), pc.invert(good)


def _plain_type(type: pa.DataType) -> pa.DataType:
    while True:
        if isinstance(type, pa.BaseExtensionType):
            type = type.storage_type
        elif pa.types.is_dictionary(type):
            type = type.value_type
        else:
            return type


def _is_number(type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type) or pa.types.is_floating(type) or pa.types.is_decimal(type))


def holds_text(type: pa.DataType) -> bool:
    """Whether a type holds text, or bytes that may be text."""
    return bool(
        pa.types.is_string(type)
        or pa.types.is_large_string(type)
        or pa.types.is_string_view(type)
        or pa.types.is_binary(type)
        or pa.types.is_large_binary(type)
        or pa.types.is_binary_view(type)
        or pa.types.is_fixed_size_binary(type)
    )
