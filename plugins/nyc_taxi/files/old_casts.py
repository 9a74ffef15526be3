"""Casting a parquet file's columns to a dataset's types, whole columns at a time and without loss."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from nyc_taxi.errors import SchemaDrift

if TYPE_CHECKING:
    from collections.abc import Callable

    from nyc_taxi.core.dataset import ColumnType

_SMALLEST, _LARGEST = -(2**31), 2**31 - 1
_INTEGER: Final = r"^[+-]?[0-9]{1,18}(\.0*)?$"
_DOUBLE: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_TIMESTAMP: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?$"
_FIRST_TIME = pa.scalar(-62_135_596_800_000_000, pa.timestamp("us"))
_LAST_TIME = pa.scalar(253_402_300_799_999_999, pa.timestamp("us"))

Cast = tuple[pa.Array, pa.BooleanArray]
"""Values of the wanted type, null where they were refused, and which were refused."""


def cast_column(values: pa.Array, type: ColumnType, name: str) -> Cast:
    """Return a column's values in a form that COPY takes, and a mask of those that do not fit.

    Fractions and numbers beyond 32 bits are refused in whole-number columns, never rounded; NaN is null,
    as pandas writes a missing number; infinity is refused. Times keep their wall clock.

    :param name: the column's name, for the message
    :raises SchemaDrift: when no value of the file's type could be one of the dataset's
    """
    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    if pa.types.is_null(values.type):
        return values.cast(pa.string()), _none(values)
    if _is_text(values.type) and type != "text":
        return _from_text(pc.utf8_trim_whitespace(values.cast(pa.string())), type)
    try:
        return _CASTS[type](values)
    except pa.ArrowNotImplementedError as error:
        raise SchemaDrift(
            f"The column {name} is {values.type} in the file, which cannot be read as {type}. "
            "Correct the dataset's description, or the file."
        ) from error


def _integer(values: pa.Array) -> Cast:
    if pa.types.is_boolean(values.type):
        return values.cast(pa.int32()), _none(values)
    if not pa.types.is_integer(values.type):
        values = _number(values)
        whole = pc.equal(values, pc.floor(values))
    else:
        whole = pc.is_valid(values)
    fits = pc.and_(pc.greater_equal(values, _SMALLEST), pc.less_equal(values, _LARGEST))
    refused = _refused(values, pc.and_(whole, fits))
    return _kept(values, refused).cast(pa.int32()), refused


def _double(values: pa.Array) -> Cast:
    values = _number(values)
    refused = _refused(values, pc.is_finite(values))
    return _kept(values, refused), refused


def _timestamp(values: pa.Array) -> Cast:
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        values = pc.local_timestamp(values)
    values = values.cast(pa.timestamp("us"), safe=False)
    in_range = pc.and_(pc.greater_equal(values, _FIRST_TIME), pc.less_equal(values, _LAST_TIME))
    refused = _refused(values, in_range)
    return _kept(values, refused), refused


def _text(values: pa.Array) -> Cast:
    if not _is_text(values.type):
        try:
            return values.cast(pa.string()), _none(values)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            return pa.array(map(_as_json, values.to_pylist()), pa.string()), _none(values)
    values = values.cast(pa.string())
    refused = _refused(values, pc.invert(pc.match_substring(values, "\0")))
    return _kept(values, refused), refused


_CASTS: Final[dict[ColumnType, Callable[[pa.Array], Cast]]] = {
    "integer": _integer,
    "double": _double,
    "timestamp": _timestamp,
    "text": _text,
}


def _from_text(values: pa.Array, type: ColumnType) -> Cast:
    """Cast text as strictly as the row-by-row reading of a CSV file does."""
    values = pc.if_else(pc.equal(values, ""), None, values)
    pattern = {"integer": _INTEGER, "double": _DOUBLE}.get(type, _TIMESTAMP)
    refused = _refused(values, pc.match_substring_regex(values, pattern))
    values = _kept(values, refused)
    if type == "timestamp":
        times = pc.strptime(
            pc.utf8_slice_codeunits(values, 0, 19), "%Y-%m-%d %H:%M:%S", "s", error_is_null=True
        )
        unreal = pc.and_(pc.is_valid(values), pc.is_null(times))
        return _kept(values, unreal), pc.or_(refused, unreal)
    if type == "integer":
        values = pc.replace_substring_regex(values, r"\.0*$", "").cast(pa.int64())
    converted, beyond = _CASTS[type](values.cast(pa.float64()) if type == "double" else values)
    return converted, pc.or_(refused, beyond)


def _number(values: pa.Array) -> pa.Array:
    """Return numbers as doubles, with null for NaN."""
    values = values.cast(pa.float64())
    return pc.if_else(pc.is_nan(values), None, values)


def _refused(values: pa.Array, good: pa.BooleanArray) -> pa.BooleanArray:
    return pc.and_(pc.is_valid(values), pc.invert(pc.fill_null(good, fill_value=False)))


def _kept(values: pa.Array, refused: pa.BooleanArray) -> pa.Array:
    return pc.if_else(refused, None, values)


def _none(values: pa.Array) -> pa.BooleanArray:
    return pa.repeat(pa.scalar(value=False), len(values))


def _is_text(type: pa.DataType) -> bool:
    return bool(pa.types.is_string(type) or pa.types.is_large_string(type) or pa.types.is_string_view(type))


def _as_json(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace").replace("\0", r"\x00")
    return json.dumps(value, default=str, ensure_ascii=False)
