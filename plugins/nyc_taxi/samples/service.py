"""What sets the two metered services apart: who drives, where to, who pays how."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from nyc_taxi.core.zones import known_zones
from nyc_taxi.samples.dirt import DIRT
from nyc_taxi.samples.draw import weighted

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from nyc_taxi.samples.dirt import Dirt

    Ints = npt.NDArray[np.int64]

NEWARK, JFK, LAGUARDIA = 1, 132, 138
"""The airports' zones."""

# Shares of trips in per cent, rounded from real months.
_YELLOW_BUSIEST = {
    237: 4.5, 236: 4.2, 161: 4.0, 186: 3.4, 162: 3.3, 142: 3.2, 48: 3.0, 170: 3.0, 239: 2.9, 141: 2.8,
    230: 2.8, 163: 2.7, 234: 2.6, 238: 2.5, 263: 2.4, JFK: 2.5, 68: 2.4, 79: 2.2, 107: 2.2, 140: 2.2,
    229: 2.0, 100: 1.9, 249: 1.8, 90: 1.8, LAGUARDIA: 1.8, 151: 1.7, 164: 1.7, 43: 1.6, 231: 1.6, 246: 1.6,
    75: 1.6, 166: 1.3, 74: 1.2,
}  # fmt: skip
_GREEN_BUSIEST = {
    74: 14.5, 75: 13.3, 41: 10.0, 42: 7.0, 244: 5.4, 97: 4.0, 166: 3.9, 65: 3.0, 95: 2.7, 116: 2.3, 43: 2.0,
    7: 1.8, 130: 1.7, 82: 1.5, 25: 1.3, 152: 1.2, 61: 1.2, 33: 1.0, 52: 1.0,
}  # fmt: skip
_GREEN_TO = {
    74: 7.0, 42: 6.7, 75: 6.0, 41: 5.3, 166: 2.8, 236: 2.3, 238: 2.5, 151: 2.2, 244: 2.1, 116: 2.0,
    263: 1.8, 61: 1.5, 152: 1.5, 95: 1.3, 97: 1.2, 140: 1.1, 43: 1.1, 49: 1.1, LAGUARDIA: 0.6, JFK: 0.5,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """One metered service. The tables are those of :func:`~nyc_taxi.samples.draw.weighted`.

    :param pickups: zones where trips begin
    :param dropoffs: zones where trips end
    :param scattered: zones of the blank-vendor block, both ends
    :param vendors: VendorID
    :param passengers: passenger_count
    :param payments: payment_type
    :param rates: RatecodeID of trips to and from no airport
    :param congestion: the congestion surcharge in cents
    :param median_miles: half of the trips are shorter
    :param flat_tips: share of the blank-vendor trips with a tip of 2.75, the green congestion surcharge
    :param block_tax: share of the blank-vendor trips with the MTA tax
    :param dirt: the proportions of dirt
    """

    pickups: Ints
    dropoffs: Ints
    scattered: Ints
    vendors: Ints
    passengers: Ints
    payments: Ints
    rates: Ints
    congestion: int
    median_miles: float
    flat_tips: float
    block_tax: float
    dirt: Dirt


def zones(busiest: Mapping[int, float], others: Mapping[str, float], unknown: float, outside: float) -> Ints:
    """Return a table of zones.

    :param busiest: per cent of the trips by zone
    :param others: per cent of the trips that all other zones of a service zone share evenly
    :param unknown: per cent of the trips in zone 264
    :param outside: per cent of the trips in zone 265
    """
    weights = dict(busiest)
    for service_zone, share in others.items():
        rest = [
            zone.locationid
            for zone in known_zones()
            if zone.service_zone == service_zone and zone.locationid not in busiest
        ]
        weights |= dict.fromkeys(rest, share / len(rest))
    return weighted(weights | {264: unknown, 265: outside})


@cache
def core_zones() -> npt.NDArray[np.bool_]:
    """Return for each zone number whether it lies in the core, where only yellow taxis pick up."""
    core = np.zeros(266, np.bool_)
    core[[zone.locationid for zone in known_zones() if zone.service_zone == "Yellow Zone"]] = True
    return core


@cache
def service(name: str) -> Service:
    """Return the service of that name: yellow or green."""
    if name == "yellow":
        return Service(
            pickups=zones(_YELLOW_BUSIEST, {"Yellow Zone": 16.0, "Boro Zone": 5.0}, 1.0, 0.1),
            dropoffs=zones(_YELLOW_BUSIEST, {"Yellow Zone": 16.0, "Boro Zone": 13.0, "EWR": 0.15}, 0.9, 0.4),
            scattered=zones({}, {"Yellow Zone": 45.0, "Boro Zone": 54.0, "Airports": 0.6}, 0.0, 0.2),
            vendors=weighted({1: 31.0, 2: 69.0}),
            passengers=weighted({0: 2.15, 1: 70, 2: 15.7, 3: 4.87, 4: 2.06, 5: 2.72, 6: 2.48, 8: 0.004}),
            payments=weighted({1: 71.0, 2: 27.3, 3: 1.0, 4: 0.7}),
            rates=weighted({1: 99.0, 3: 0.03, 4: 0.08, 5: 0.9}),
            congestion=250,
            median_miles=1.7,
            flat_tips=0.0,
            block_tax=1.0,
            dirt=DIRT["yellow"],
        )
    return Service(
        pickups=zones(_GREEN_BUSIEST, {"Boro Zone": 20.0, "Yellow Zone": 0.4, "Airports": 0.1}, 0.25, 0.22),
        dropoffs=zones(_GREEN_TO, {"Boro Zone": 34.0, "Yellow Zone": 15.0}, 0.5, 0.6),
        scattered=zones({61: 2.9, 42: 2.3}, {"Boro Zone": 80.0, "Yellow Zone": 14.0}, 0.0, 0.3),
        vendors=weighted({1: 16.5, 2: 83.5}),
        passengers=weighted({0: 0.5, 1: 91.0, 2: 5.5, 3: 0.75, 4: 0.25, 5: 1.4, 6: 0.6, 7: 0.005, 8: 0.01}),
        payments=weighted({1: 54.0, 2: 45.0, 3: 0.75, 4: 0.22, 5: 0.005}),
        rates=weighted({1: 96.4, 3: 0.03, 4: 0.05, 5: 3.5, 6: 0.004}),
        congestion=275,
        median_miles=1.8,
        flat_tips=0.55,
        block_tax=0.03,
        dirt=DIRT["green"],
    )
