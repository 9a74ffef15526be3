"""What the rows of a staged month add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


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
    """

    rows: int
    first: int
    last: int
    ordinals: int
    outside: int
    earliest: str
    latest: str

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
        )
