"""What a staged month holds, measured where it was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from psycopg import sql

from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    import psycopg

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.month import Month
    from nyc_taxi.postgres.tables import StageTable


@dataclass(frozen=True, slots=True)
class Measured:
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


def measure(
    connection: psycopg.Connection[Any], stage: StageTable, dataset: Dataset, month: Month
) -> Measured:
    """Measure the rows of a stage table that the session sees: its own, before it commits them.

    Reading rows before the commit also spares the first reader after it to mark each page as committed,
    which can write the whole table to the log again.
    """
    row = connection.execute(
        statement("measure", table=stage.table, pickup=sql.Identifier(dataset.pickup)),
        {"from": month.first_day, "to": month.next().first_day},
    ).fetchone()
    return Measured(*(row or ()))
