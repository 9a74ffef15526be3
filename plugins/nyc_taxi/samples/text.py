"""Writes columns of whole numbers the way TLC's CSV files spell them, in C speed.

A column's texts come from a table by look-up, and the bytes of the joined column are the file's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Columns = dict[str, Ints]
    Kind = Literal[
        "number", "seconds", "time", "miles", "money", "flag", "base", "licence", "nothing"
    ]  # fmt: skip

LONGEST = 9_999
"""The longest ordinary distance, in hundredths of a mile."""

WILD = 64
"""How many absurd distances there are; they come after :data:`LONGEST`."""

_HIGHEST = 60_000
BLANK = -_HIGHEST - 1
"""Stands for an empty field."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the file.

    :param header: its name as TLC spells it
    :param column: the column that it is written from
    :param kind: how its values are spelled
    """

    header: str
    column: str
    kind: Kind


def lines(fields: tuple[Field, ...], columns: Mapping[str, Ints], line_end: bytes) -> memoryview:
    """Return the rows of a slice as CSV bytes, every line with its end."""
    texts = [_texts(field.kind, columns.get(field.column)) for field in fields]
    rows = pc.binary_join_element_wise(*texts, pa.scalar(","))
    ended = pc.binary_join_element_wise(rows, pa.scalar(line_end.decode()), pa.scalar(""))
    return memoryview(ended.buffers()[2])


def _texts(kind: Kind, values: Ints | None) -> pa.Array | pa.Scalar:
    if values is None or kind == "nothing":
        return pa.scalar("")
    if kind == "time":
        times = pa.array(values, mask=values == BLANK).cast(pa.timestamp("s")).cast(pa.string())
        return times.fill_null("") if times.null_count else times
    # The table's first text is the blank one.
    if kind == "money":
        return _money().take(pa.array(values - BLANK))
    return _table(kind).take(pa.array(np.maximum(values, -1) + 1))


@cache
def _money() -> pa.Array:
    """Return amounts from -600 to 600 dollars in their shortest spelling: 6, 6.5, 0.33."""
    return pa.array(
        ["", *(f"{cents / 100:.2f}".rstrip("0").rstrip(".") for cents in range(-_HIGHEST, _HIGHEST + 1))]
    )


@cache
def _table(kind: Kind) -> pa.Array:
    if kind == "flag":
        return pa.array(["", "N", "Y"])
    if kind == "licence":
        return pa.array(["", *(f"HV{number:04d}" for number in range(10))])
    if kind == "base":
        return pa.array(["", *(f"B{number:05d}" for number in range(4000))])
    if kind == "miles":
        # TLC writes no zero before the point.
        distances = [*range(LONGEST + 1), *(1_000_000 + number * 70_937 for number in range(WILD))]
        return pa.array(["", *(f"{hundredths / 100:.2f}".removeprefix("0") for hundredths in distances)])
    return pa.array(["", *map(str, range(300 if kind == "number" else 60_000))])
