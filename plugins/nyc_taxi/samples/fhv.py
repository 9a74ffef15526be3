"""Trips of for-hire vehicles, as columns of whole numbers: bases, times, and zones where known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nyc_taxi.samples.dirt import DIRT
from nyc_taxi.samples.draw import Events, draw, some, spans
from nyc_taxi.samples.events import apply_events
from nyc_taxi.samples.service import zones
from nyc_taxi.samples.text import BLANK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nyc_taxi.core.month import Month
    from nyc_taxi.samples.clock import Clock
    from nyc_taxi.samples.text import Columns

# In 2019 half of the trips name both zones; later most bases leave out where a trip began.
_NO_PICKUP_ZONE = {"2019": 0.4}
_NO_DROPOFF_ZONE = {"2019": 0.25}
_MILLENNIUM = int((np.datetime64("3019-01-01", "s") - np.datetime64("2019-01-01", "s")).astype(np.int64))


def trips(rng: np.random.Generator, month: Month, rows: int, clock: Clock) -> Iterator[Columns]:
    """Yield a month's trips, a slice at a time.

    In 2019 one drop-off is in the year 3019, which a nanosecond timestamp cannot hold.
    """
    year = str(month)[:4]
    table = zones({}, {"Boro Zone": 72.0, "Yellow Zone": 20.0, "Airports": 4.0}, 2.0, 2.0)
    # Few bases have many trips, many have few.
    bases = np.sort(rng.choice(np.arange(1, 3500), 600, replace=False))
    events = Events.plan(rng, rows, rows, DIRT["fhv"])
    for first, last in spans(rows):
        count = last - first
        elapsed = clock.pickups(rng, first, last, rows)
        duration = np.exp(rng.normal(6.9, 0.7, count)).astype(np.int64)
        # Some bases keep times to the second, others to the minute.
        base = bases[(600 * rng.random(count) ** 3).astype(np.int64)]
        whole = base % 2 == 0
        elapsed = np.where(whole, elapsed - elapsed % 60, elapsed)
        duration = np.where(whole, duration - duration % 60, duration)
        start, end = draw(rng, table, count), draw(rng, table, count)
        start[some(rng, _NO_PICKUP_ZONE.get(year, 0.8), count)] = BLANK
        end[some(rng, _NO_DROPOFF_ZONE.get(year, 0.15), count)] = BLANK
        columns = {
            "dispatching_base_num": base,
            "pickup_datetime": clock.read(elapsed),
            "dropoff_datetime": clock.read(elapsed + duration),
            "PULocationID": start,
            "DOLocationID": end,
            "affiliated_base_num": np.where(some(rng, 0.85, count), base, rng.choice(bases, count)),
        }
        apply_events(rng, columns, events, first, clock)
        if year == "2019" and last == rows and rows >= 100:
            columns["dropoff_datetime"][-1] += _MILLENNIUM
        yield columns
