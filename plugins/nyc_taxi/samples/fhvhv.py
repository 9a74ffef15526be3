"""Trips of the high-volume for-hire services, as columns of whole numbers.

Amounts are cents, distances hundredths of a mile, times wall-clock seconds since 1970.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nyc_taxi.samples.dirt import DIRT
from nyc_taxi.samples.draw import Events, draw, some, spans, weighted
from nyc_taxi.samples.events import apply_events
from nyc_taxi.samples.service import JFK, LAGUARDIA, core_zones, zones
from nyc_taxi.samples.text import BLANK, LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from nyc_taxi.samples.clock import Clock
    from nyc_taxi.samples.text import Columns

    Ints = npt.NDArray[np.int64]

_UBER, _LYFT = 3, 5
_SERVICES = {2: 1.0, _UBER: 72.0, 4: 3.0, _LYFT: 24.0}
"""Shares of the services in per cent, by the number in their licence."""

_FIRST_BASE = {2: 2800, _UBER: 2764, 4: 2900, _LYFT: 2510}


def trips(rng: np.random.Generator, rows: int, clock: Clock) -> Iterator[Columns]:
    """Yield a month's trips, a slice at a time. Lyft reports neither the original base nor the arrival."""
    table = zones({}, {"Boro Zone": 58.0, "Yellow Zone": 34.0, "Airports": 5.0}, 0.02, 0.0)
    ends = zones({}, {"Boro Zone": 56.0, "Yellow Zone": 31.0, "Airports": 6.0, "EWR": 0.5}, 0.02, 3.5)
    services = weighted(_SERVICES)
    events = Events.plan(rng, rows, rows, DIRT["fhvhv"])
    for first, last in spans(rows):
        columns = _slice(rng, clock, draw(rng, services, last - first), clock.pickups(rng, first, last, rows))
        columns["PULocationID"] = draw(rng, table, last - first)
        columns["DOLocationID"] = draw(rng, ends, last - first)
        _charge(rng, columns)
        apply_events(rng, columns, events, first, clock)
        yield columns


def _slice(rng: np.random.Generator, clock: Clock, service: Ints, elapsed: Ints) -> Columns:
    rows = len(service)
    miles = np.clip((np.exp(rng.normal(1.1, 0.85, rows)) * 100).astype(np.int64), 1, LONGEST)
    seconds = (miles * (1.6 + 1.6 * rng.random(rows)) + rng.integers(60, 400, rows)).astype(np.int64)
    base = np.zeros(rows, np.int64)
    for number, first_base in _FIRST_BASE.items():
        base[service == number] = first_base
    base += np.where(service == _UBER, (24 * rng.random(rows) ** 2).astype(np.int64), 0)
    # The trip was ordered and the car was there before it began: never before the month.
    wait = np.minimum(rng.integers(120, 600, rows), elapsed)
    arrived = np.minimum(rng.integers(20, 120, rows), wait)
    shared = some(rng, 0.02, rows)
    return {
        "service": service,
        "dispatching_base_num": base,
        "originating_base_num": np.where(service == _LYFT, BLANK, base),
        "request_datetime": clock.read(elapsed - wait),
        "on_scene_datetime": np.where(service == _LYFT, BLANK, clock.read(elapsed - arrived)),
        "pickup_datetime": clock.read(elapsed),
        "dropoff_datetime": clock.read(elapsed + seconds),
        "trip_miles": miles,
        "trip_time": seconds,
        "shared_request_flag": shared.astype(np.int64),
        "shared_match_flag": (shared & some(rng, 0.5, rows)).astype(np.int64),
        "access_a_ride_flag": np.where(service == _UBER, BLANK, 0),
        "wav_request_flag": some(rng, 0.002, rows).astype(np.int64),
        "wav_match_flag": some(rng, 0.06, rows).astype(np.int64),
        "sr_flag": np.where(shared, 1, BLANK),
    }


def _charge(rng: np.random.Generator, columns: Columns) -> None:
    """Add what the passenger paid and what the driver got."""
    miles, seconds = columns["trip_miles"], columns["trip_time"]
    start, end = columns["PULocationID"], columns["DOLocationID"]
    rows = len(miles)
    fare = np.minimum(300 + (miles * 1.7).astype(np.int64) + seconds // 2, 50_000)
    fare[some(rng, 0.0004, rows)] = 0
    airport = np.isin(start, (JFK, LAGUARDIA)) | np.isin(end, (JFK, LAGUARDIA))
    tolls = np.where(airport & some(rng, 0.4, rows), 612, 0)
    core = core_zones()
    columns |= {
        "base_passenger_fare": fare,
        "tolls": tolls,
        "bcf": (fare + tolls) * 3 // 100,
        "sales_tax": (fare + tolls) * 8875 // 100_000,
        "congestion_surcharge": np.where(core[start] | core[end], 275, 0),
        "airport_fee": np.where(airport, 250, 0),
        "tips": np.where(some(rng, 0.16, rows), fare // 6, 0),
        "driver_pay": fare * 3 // 4,
    }
