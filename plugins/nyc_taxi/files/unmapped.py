"""The values of columns that a dataset does not know, as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from nyc_taxi.core.dataset import dataset_names, key
from nyc_taxi.files.casts import Cast, cast_column, holds_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nyc_taxi.core.dataset import Dataset

_SEPARATOR: Final = ", "
_TELLING: Final = frozenset({"color", "colour", "taxicolor", "taxitype", "cabtype", "servicetype", "dataset"})
"""Names of columns that tell datasets apart in a file that mixes them, as they are compared."""


def as_text(values: pa.Array) -> Cast:
    """Return the values of an unknown column as text, by the rules for text, and which break them.

    Nested values become JSON.
    """
    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    if holds_text(values.type) or pa.types.is_null(values.type) or pa.types.is_floating(values.type):
        return cast_column(values, "text")
    try:
        return values.cast(pa.string()), None
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return cast_column(pa.array(map(_as_json, values.to_pylist()), pa.string()), "text")


def of_others(dataset: Dataset, name: str, values: pa.StringArray) -> pa.BooleanArray | None:
    """Return which rows are trips of another dataset by a column that tells them apart; None for no row.

    :param name: the column's name
    """
    if key(name) not in _TELLING:
        return None
    others = pa.array([other for other in dataset_names() if other != dataset.name])
    found = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(values)), others)
    return found if pc.any(found).as_py() else None


def as_objects(columns: Sequence[tuple[str, pa.StringArray]], rows: int) -> pa.StringArray:
    """Return one JSON object per row with the row's values by column name; null without any.

    :param columns: names and values
    :param rows: how many rows there are
    """
    filled = [(name, values) for name, values in columns if values.null_count < rows]
    if not filled:
        return pa.nulls(rows, pa.string())
    members = [_members(name, values) for name, values in filled]
    joined = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*members, ""), len(_SEPARATOR))
    objects = pc.binary_join_element_wise("{", joined, "}", "")
    return pc.if_else(pc.equal(joined, ""), None, objects)


def _members(name: str, values: pa.StringArray) -> pa.StringArray:
    distinct = values.dictionary_encode()
    key = json.dumps(name, ensure_ascii=False)
    written = [
        f"{_SEPARATOR}{key}: {json.dumps(value, ensure_ascii=False)}"
        for value in distinct.dictionary.to_pylist()
    ]
    return pc.fill_null(pa.array(written, pa.string()).take(distinct.indices), "")


def _as_json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, default=str, ensure_ascii=False)
