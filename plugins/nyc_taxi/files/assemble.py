"""Putting a batch together from a file's columns: the one way in which fields become rows."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from nyc_taxi.files.batch import TYPES, Batch, batch_schema
from nyc_taxi.files.unmapped import as_objects, as_text, of_others

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nyc_taxi.core.dataset import ColumnType, Dataset
    from nyc_taxi.files.batch import RejectedRow
    from nyc_taxi.files.casts import Cast
    from nyc_taxi.files.header import HeaderPlan


def assemble(
    dataset: Dataset,
    plan: HeaderPlan,
    columns: Sequence[pa.Array],
    row_numbers: pa.Int64Array,
    cast: Callable[[pa.Array, ColumnType], Cast],
    reject: Callable[[int, int], RejectedRow],
) -> Batch:
    """Return the batch of some rows of a file.

    :param columns: the values of each of the plan's fields
    :param cast: casts the values of a known column
    :param reject: returns the rejected row for an index of these rows and the position of the first field
        whose value breaks the rules
    """
    known: dict[str, pa.Array] = {}
    unknown: list[tuple[str, pa.StringArray]] = []
    broken: list[tuple[int, pa.BooleanArray]] = []
    for position, (field, values) in enumerate(zip(plan.fields, columns, strict=True)):
        good, bad = cast(values, field.column.type) if field.column else as_text(values)
        if field.column:
            known[field.column.name] = good
        else:
            unknown.append((field.name, good))
            others = of_others(dataset, field.name, good)
            bad = others if bad is None else bad if others is None else pc.or_(bad, others)
        if bad is not None:
            broken.append((position, bad))
    size = len(row_numbers)
    rows = pa.RecordBatch.from_arrays(
        [
            row_numbers,
            *(
                known[column.name] if column.name in known else pa.nulls(size, TYPES[column.type])
                for column in dataset.columns
            ),
            as_objects(unknown, size),
        ],
        schema=batch_schema(dataset),
    )
    if not broken:
        return Batch(rows)
    bad = reduce(pc.or_, (mask for _, mask in broken))
    rejects = tuple(
        reject(index, next(position for position, mask in broken if mask[index].as_py()))
        for index in pc.indices_nonzero(bad).to_pylist()
    )
    return Batch(rows.filter(pc.invert(bad)), rejects)
