"""The wall clock of New York over one month, with its two odd nights."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from nyc_taxi.core.month import Month

    Ints = npt.NDArray[np.int64]

_NEW_YORK = ZoneInfo("America/New_York")
_HOURS_AFTER = 48

# How many trips start in each hour of the day, on working days and at weekends.
_WORKDAY = (8, 5, 3, 3, 4, 10, 24, 40, 50, 50, 50, 52, 54, 54, 58, 62, 62, 66, 66, 54, 40, 32, 24, 15)
_WEEKEND = (26, 20, 15, 10, 6, 6, 9, 14, 24, 34, 44, 50, 54, 55, 56, 57, 56, 55, 54, 48, 40, 36, 34, 30)


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """What the clocks show as a month passes, hour by elapsed hour.

    :param shown: seconds from 1970-01-01 00:00 to what the clocks show at the start of each hour of
        the month and of two days after it
    :param busy: share of the month's trips that have started by the end of each hour of the month, 0 to 1
    """

    shown: Ints
    busy: npt.NDArray[np.float64]

    @classmethod
    def of(cls, month: Month) -> Self:
        """Return the clock of a month: an hour shorter in March, an hour longer in November."""
        first = month.first_day
        start = datetime(first.year, first.month, 1, tzinfo=_NEW_YORK).astimezone(UTC)
        after = month.next().first_day
        end = datetime(after.year, after.month, 1, tzinfo=_NEW_YORK).astimezone(UTC)
        hours = round((end - start) / timedelta(hours=1))
        walls = [
            (start + timedelta(hours=hour)).astimezone(_NEW_YORK).replace(tzinfo=UTC)
            for hour in range(hours + _HOURS_AFTER)
        ]
        weights = [(_WORKDAY if wall.weekday() < 5 else _WEEKEND)[wall.hour] for wall in walls[:hours]]
        busy = np.cumsum(weights) / sum(weights)
        return cls(np.array([round(wall.timestamp()) for wall in walls], np.int64), busy)

    def pickups(self, rng: np.random.Generator, first: int, last: int, of: int) -> Ints:
        """Return when the trips first to last of a month's start, in seconds elapsed since the month began.

        Hours follow each other; within an hour there is no order, as in TLC's files.
        """
        part = (np.arange(first, last) + 0.5) / of
        hour = np.searchsorted(self.busy, part, side="right").astype(np.int64)
        return hour * 3600 + rng.integers(0, 3600, last - first)

    def read(self, elapsed: Ints) -> Ints:
        """Return what the clocks show so many seconds after the month began, in seconds since 1970.

        Nothing is ever shown between 02:00 and 03:00 of the night that clocks are put forward, and
        the hour before 02:00 is shown twice when they are put back.
        """
        hour, second = np.divmod(elapsed, 3600)
        return self.shown[hour] + second

    @property
    def month_start(self) -> int:
        """The month's first second, in wall-clock seconds since 1970."""
        return int(self.shown[0])

    @property
    def month_end(self) -> int:
        """The first second after the month, in wall-clock seconds since 1970."""
        return int(self.shown[len(self.busy)])
