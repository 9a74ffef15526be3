"""Puts the rare rows into a slice of trips: reversals, duplicates, pickups outside the month."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nyc_taxi.samples.draw import inside
from nyc_taxi.samples.text import BLANK

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from nyc_taxi.samples.clock import Clock
    from nyc_taxi.samples.draw import Events
    from nyc_taxi.samples.text import Columns

    Ints = npt.NDArray[np.int64]

_DAY = 86_400
_RESET = int(np.datetime64("2009-01-01", "s").astype(np.int64))
_FUTURE = int(np.datetime64("2098-01-01", "s").astype(np.int64))


def apply_events(
    rng: np.random.Generator,
    columns: Columns,
    events: Events,
    first: int,
    clock: Clock,
    amounts: Sequence[str] = (),
) -> None:
    """Change the rows of a slice that the events name.

    :param columns: the slice, changed in place
    :param first: number of the slice's first row in its block
    :param amounts: the columns that a reversal negates
    """
    rows = len(columns["pickup_datetime"])
    _reverse(rng, columns, inside(events.reversals, first, rows), amounts)
    for row in inside(events.duplicates, first, rows):
        for values in columns.values():
            values[row] = values[row + 1]
    for number, row in enumerate(events.strays):
        if first <= row < first + rows:
            _stray(rng, columns, int(row) - first, number, clock)


def _reverse(rng: np.random.Generator, columns: Columns, taken_back: Ints, amounts: Sequence[str]) -> None:
    """Make each of these rows take back the row after it: no charge, or a dispute."""
    if not len(taken_back):
        return
    trip = taken_back + 1
    for values in columns.values():
        values[taken_back] = values[trip]
    for name in amounts:
        values = columns[name]
        values[taken_back] = np.where(values[trip] == BLANK, BLANK, -values[trip])
    columns["payment_type"][taken_back] = np.where(rng.random(len(trip)) < 0.75, 3, 4)


def _stray(rng: np.random.Generator, columns: Columns, row: int, number: int, clock: Clock) -> None:
    """Move a trip to before or after the month, or to where a clock was reset to 2009; the second to 2098."""
    if number == 1:
        pickup = _FUTURE + int(rng.integers(0, 365 * _DAY))
    else:
        pickup = (
            clock.month_start - int(rng.integers(1, 20 * _DAY)),
            clock.month_end + int(rng.integers(0, 2 * _DAY)),
            _RESET + int(rng.integers(0, 3600)),
            _RESET - int(rng.integers(1, 3600)),
        )[number % 4]
    columns["dropoff_datetime"][row] += pickup - columns["pickup_datetime"][row]
    columns["pickup_datetime"][row] = pickup
