"""What the rows of a staged month add up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.month import Month


@dataclass(frozen=True, slots=True)
class Measures:
    """What the rows of a stage table add up to.

    :param rows: how many there are
    :param first: smallest row number; 0 without rows
    :param last: largest row number
    :param ordinals: sum of all row numbers, which tells that none is missing or double
    :param outside: pickups that are null or outside the file's month
    :param earliest: first pickup as text; empty without any
    :param latest: last pickup as text
    :param blank: how many values are null, for each column of the dataset's ``filled``
    :param unended: number of a last row without a line end, in a file that nothing proves to be whole;
        otherwise 0
    """

    rows: int
    first: int
    last: int
    ordinals: int
    outside: int
    earliest: str
    latest: str
    blank: Mapping[str, int] = field(default_factory=dict, hash=False)
    unended: int = 0

    @classmethod
    def none(cls) -> Self:
        """Return what no rows add up to."""
        return cls(0, 0, 0, 0, 0, "", "")

    def __add__(self, other: Self) -> Self:
        """Return what the rows of both add up to."""
        if not self.rows or not other.rows:
            return self if self.rows else other
        pickups = [text for text in (self.earliest, other.earliest) if text]
        return type(self)(
            rows=self.rows + other.rows,
            first=min(self.first, other.first),
            last=max(self.last, other.last),
            ordinals=self.ordinals + other.ordinals,
            outside=self.outside + other.outside,
            earliest=min(pickups, default=""),
            latest=max(self.latest, other.latest),
            blank={name: count + other.blank.get(name, 0) for name, count in self.blank.items()},
        )


def measure(rows: pa.RecordBatch, dataset: Dataset, month: Month) -> Measures:
    """Return what the rows of a batch add up to."""
    if not rows.num_rows:
        return Measures.none()
    numbers, pickups = rows.column("row_number"), rows.column(dataset.pickup)
    first, last = (pc.cast(pa.scalar(day), pickups.type) for day in (month.first_day, month.next().first_day))
    inside = pc.and_(pc.greater_equal(pickups, first), pc.less(pickups, last))
    ends, between = pc.min_max(numbers), pc.min_max(pickups)
    return Measures(
        rows=rows.num_rows,
        first=ends["min"].as_py(),
        last=ends["max"].as_py(),
        ordinals=pc.sum(numbers).as_py(),
        outside=rows.num_rows - (pc.sum(inside).as_py() or 0),
        earliest=_text(between["min"]),
        latest=_text(between["max"]),
        blank={name: rows.column(name).null_count for name in dataset.filled},
    )


def _text(pickup: pa.TimestampScalar) -> str:
    return (pc.cast(pickup, pa.string()).as_py() or "").removesuffix(".000000")
