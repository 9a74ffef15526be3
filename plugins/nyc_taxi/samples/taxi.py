"""Trips of the metered services, yellow and green, as columns of whole numbers.

Amounts are cents, distances hundredths of a mile, times wall-clock seconds since 1970.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nyc_taxi.samples.dirt import FIRST_CONGESTION_MONTH, GARBLED_MINUTES, GARBLED_SHARE
from nyc_taxi.samples.draw import Events, draw, inside, some, spans
from nyc_taxi.samples.events import apply_events
from nyc_taxi.samples.service import JFK, LAGUARDIA, NEWARK, core_zones, service
from nyc_taxi.samples.text import BLANK, LONGEST, WILD

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from nyc_taxi.core.month import Month
    from nyc_taxi.samples.clock import Clock
    from nyc_taxi.samples.service import Service
    from nyc_taxi.samples.text import Columns

    Ints = npt.NDArray[np.int64]
    Rng = np.random.Generator

_AMOUNTS = (
    "fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge", "total_amount",
    "congestion_surcharge",
)  # fmt: skip
_TOLL = 612
_FLAT_JFK_FARE = 5200


def trips(rng: Rng, dataset: str, month: Month, rows: int, clock: Clock) -> Iterator[Columns]:
    """Yield a month's trips, a slice at a time: the metered ones, then the blank-vendor block."""
    cab = service(dataset)
    block = round(rows * cab.dirt.blank_vendor_in(month))
    metered = rows - block
    events = Events.plan(rng, metered, rows, cab.dirt)
    for first, last in spans(metered):
        pickup = clock.pickups(rng, first, last, metered)
        columns = _metered(rng, cab, month, clock, pickup, inside(events.reversals + 1, first, last - first))
        apply_events(rng, columns, events, first, clock, _AMOUNTS)
        yield columns
    for first, last in spans(block):
        yield _unmetered(rng, cab, month, clock, clock.pickups(rng, first, last, block))


def _metered(rng: Rng, cab: Service, month: Month, clock: Clock, elapsed: Ints, taken_back: Ints) -> Columns:
    """Return trips with a meter. Those that are taken back later were paid in cash to vendor 2."""
    rows = len(elapsed)
    start, end = draw(rng, cab.pickups, rows), draw(rng, cab.dropoffs, rows)
    end = np.where(some(rng, 0.06, rows), start, end)
    vendor, payment = draw(rng, cab.vendors, rows), draw(rng, cab.payments, rows)
    vendor[taken_back] = payment[taken_back] = 2
    rate = _rates(rng, cab, start, end)
    miles = _miles(rng, cab, start, end)
    miles[some(rng, cab.dirt.zero_distance, rows)] = 0
    duration = _duration(rng, miles)
    duration = np.where(some(rng, cab.dirt.day_long, rows), 86_390 - duration % 1800, duration)
    shown = clock.read(elapsed)

    fare = _meter(rng, miles)
    fare = np.where(rate == 2, _FLAT_JFK_FARE, fare)
    fare = np.where(rate == 3, fare + 1750, fare)
    fare = np.where(rate == 5, 500 + 50 * rng.integers(0, 60, rows), fare)
    negotiated = rate == 5
    congestion = _congestion(rng, cab, month, end)
    extra = np.where(negotiated | (rate == 2), 0, _extra(shown))
    # The first vendor's meters put the congestion surcharge into extra as well, and the total has it once.
    included = (vendor == 1) & (congestion > 0)
    extra = extra + np.where(included, congestion, 0)
    tax = np.where(negotiated, 0, 50)
    tolls = _tolls(rng, start, end)
    tip = _tips(rng, fare + extra, (payment == 1) & ~some(rng, cab.dirt.no_tip, rows))
    owed = np.where(included | (congestion == BLANK), 0, congestion)
    miles[some(rng, cab.dirt.wild_distance, rows)] = rng.integers(LONGEST + 1, LONGEST + 1 + WILD)
    return {
        "VendorID": vendor,
        "pickup_datetime": shown,
        "dropoff_datetime": clock.read(elapsed + duration),
        "passenger_count": draw(rng, cab.passengers, rows),
        "trip_distance": miles,
        "RatecodeID": rate,
        "store_and_fwd_flag": ((vendor == 1) & some(rng, 0.045, rows)).astype(np.int64),
        "PULocationID": start,
        "DOLocationID": end,
        "payment_type": payment,
        "trip_type": np.where(negotiated, 2, 1),
        "fare_amount": fare,
        "extra": extra,
        "mta_tax": tax,
        "tip_amount": tip,
        "tolls_amount": tolls,
        "improvement_surcharge": np.full(rows, 30),
        "total_amount": fare + extra + tax + tip + tolls + 30 + owed,
        "congestion_surcharge": congestion,
    }


def _unmetered(rng: Rng, cab: Service, month: Month, clock: Clock, elapsed: Ints) -> Columns:
    """Return trips that no meter recorded: half of the columns are blank, most times are whole minutes."""
    rows = len(elapsed)
    start, end = draw(rng, cab.scattered, rows), draw(rng, cab.scattered, rows)
    end = np.where(some(rng, 0.06, rows), start, end)
    miles = np.clip((np.exp(rng.normal(1.55, 0.8, rows)) * 100).astype(np.int64), 1, LONGEST)
    miles[some(rng, cab.dirt.blank_zero_distance, rows)] = 0
    duration = _duration(rng, miles)
    whole = some(rng, cab.dirt.whole_minutes, rows)
    elapsed = np.where(whole, elapsed - elapsed % 60, elapsed)
    duration = np.where(whole, duration - duration % 60, duration)
    pickup, dropoff = clock.read(elapsed), clock.read(elapsed + duration)
    if GARBLED_MINUTES[0] <= month <= GARBLED_MINUTES[1]:
        minute = month.first_day.month * 60
        for times in (pickup, dropoff):
            garbled = some(rng, GARBLED_SHARE, rows)
            times[garbled] += minute - times[garbled] % 3600 + times[garbled] % 60

    fare = 700 + miles * 2 + rng.integers(0, 900, rows)
    tax = np.where(some(rng, cab.block_tax, rows), 50, 0)
    tip = np.where(some(rng, cab.flat_tips, rows), 275, 0)
    tolls = np.where((miles > 600) & some(rng, 0.3, rows), _TOLL, 0)
    miles[some(rng, cab.dirt.wild_distance, rows)] = rng.integers(LONGEST + 1, LONGEST + 1 + WILD)
    columns = {
        "pickup_datetime": pickup,
        "dropoff_datetime": dropoff,
        "PULocationID": start,
        "DOLocationID": end,
        "trip_distance": miles,
        "fare_amount": fare,
        "extra": np.zeros(rows, np.int64),
        "mta_tax": tax,
        "tip_amount": tip,
        "tolls_amount": tolls,
        "improvement_surcharge": np.full(rows, 30),
        "total_amount": fare + tax + tip + tolls + 30,
    }
    blank = np.full(rows, BLANK)
    return columns | dict.fromkeys(
        (
            "VendorID", "passenger_count", "RatecodeID", "store_and_fwd_flag", "payment_type", "trip_type",
            "congestion_surcharge",
        ),
        blank,
    )  # fmt: skip


def _rates(rng: Rng, cab: Service, start: Ints, end: Ints) -> Ints:
    core = core_zones()
    rate = draw(rng, cab.rates, len(start))
    rate = np.where(((start == JFK) & core[end]) | ((end == JFK) & core[start]), 2, rate)
    rate = np.where(end == NEWARK, 3, rate)
    return np.where(some(rng, cab.dirt.rate_99, len(start)), 99, rate)


def _miles(rng: Rng, cab: Service, start: Ints, end: Ints) -> Ints:
    """Return distances: log-normal in the city, longer to the airports."""
    rows = len(start)
    miles = np.exp(rng.normal(np.log(cab.median_miles), 0.85, rows))
    noise = rng.random(rows)
    miles = np.where((start == LAGUARDIA) | (end == LAGUARDIA), 7 + 5 * noise, miles)
    miles = np.where((start == JFK) | (end == JFK) | (end == NEWARK), 15 + 6 * noise, miles)
    hundredths = (miles * 100).astype(np.int64)
    return np.clip(np.where((start == end) & (hundredths > 150), hundredths % 150, hundredths), 1, LONGEST)


def _duration(rng: Rng, miles: Ints) -> Ints:
    """Return seconds of a trip: about 9 miles an hour on short ones, 18 on long ones."""
    speed = (9 + 9 * (1 - np.exp(miles / -700))) * (0.7 + 0.6 * rng.random(len(miles)))
    return (miles * 36 / speed + rng.integers(0, 150, len(miles))).astype(np.int64)


def _meter(rng: Rng, miles: Ints) -> Ints:
    """Return fares: 2.50, and 0.50 for each fifth of a mile or minute of standing."""
    standing = (0.5 + rng.random(len(miles))) * (5 - 4 * np.exp(miles / -200))
    fifths: Ints = miles // 20 + standing.astype(np.int64)
    return 250 + 50 * fifths


def _extra(shown: Ints) -> Ints:
    """Return 1.00 in the rush hours of working days, 0.50 at night."""
    hour = shown // 3600 % 24
    weekday = (shown // 86400 + 3) % 7
    night = (hour >= 20) | (hour < 6)
    return np.where((hour >= 16) & (hour < 20) & (weekday < 5), 100, np.where(night, 50, 0))


def _congestion(rng: Rng, cab: Service, month: Month, end: Ints) -> Ints:
    if month < FIRST_CONGESTION_MONTH:
        return np.where(some(rng, 0.97, len(end)), BLANK, 0)
    return np.where(core_zones()[end], cab.congestion, 0)


def _tolls(rng: Rng, start: Ints, end: Ints) -> Ints:
    airport = np.isin(start, (JFK, LAGUARDIA)) | np.isin(end, (JFK, LAGUARDIA))
    share = np.where(airport, 0.45, 0.02)
    return np.where(rng.random(len(start)) < share, _TOLL, 0)


def _tips(rng: Rng, charged: Ints, tipped: npt.NDArray[np.bool_]) -> Ints:
    """Return tips of 15 to 35 per cent, most of them one of the three that the screen offers."""
    offered = np.array([20, 20, 20, 25, 25, 30, 0, 0])[rng.integers(0, 8, len(charged))]
    percent = np.where(offered > 0, offered, 15 + 20 * rng.random(len(charged)))
    return np.where(tipped, (charged * percent / 100).astype(np.int64), 0)
