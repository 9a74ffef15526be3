"""How much of which dirt a month has: the one table of proportions.

Measured on green 2020-04 (CSV) and 2021-01 (parquet) and yellow 2021-01 (first 22,792 rows) as TLC
published them, and on what is known of other months where the comment says so. A share is of all
rows of the file, unless it says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nyc_taxi.core.month import Month

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Dirt:
    """The proportions of one dataset's dirt.

    :param blank_vendor: share of rows whose vendor, flag, rate code, passengers, payment, trip type
        and congestion surcharge are blank, from that month on until the next one named
    :param whole_minutes: share of that block's times whose seconds are 00
    :param blank_zero_distance: share of that block's trips over 0 miles
    :param reversals: share of rows that take back the row after them: same vendor, times and zones,
        every amount negated
    :param duplicates: share of rows that repeat the row after them exactly
    :param strays: share of rows with a pickup outside the file's month, and at most :attr:`max_strays`
    :param zero_distance: share of metered trips over 0 miles
    :param wild_distance: share of trips of more than 10,000 miles
    :param day_long: share of metered trips that end about a day after they began
    :param rate_99: share of metered trips with rate code 99
    :param no_tip: share of metered card trips without a tip
    """

    blank_vendor: Mapping[Month, float]
    whole_minutes: float = 0.995
    blank_zero_distance: float = 0.016
    reversals: float = 0.0
    duplicates: float = 0.00012
    strays: float = 0.00017
    max_strays: int = 26
    zero_distance: float = 0.0
    wild_distance: float = 0.00004
    day_long: float = 0.0023
    rate_99: float = 0.00004
    no_tip: float = 0.0

    def blank_vendor_in(self, month: Month) -> float:
        """Return the share of blank-vendor rows in a month."""
        share = 0.0
        for since, value in self.blank_vendor.items():
            if since <= month:
                share = value
        return share


DIRT = {
    "yellow": Dirt(
        # Starts in 2019-07; 2020-04 and 2020-05 are measured, the rest is their neighbourhood.
        blank_vendor={
            Month("2019-07"): 0.005,
            Month("2020-01"): 0.01,
            Month("2020-04"): 0.08,
            Month("2020-05"): 0.17,
            Month("2020-06"): 0.08,
        },
        reversals=0.0055,
        zero_distance=0.0155,
        no_tip=0.067,
    ),
    "green": Dirt(
        # 2020-04 is measured, 2021 is 0.42 to 0.48; the rest lies between.
        blank_vendor={
            Month("2019-07"): 0.1,
            Month("2020-01"): 0.2,
            Month("2020-04"): 0.312,
            Month("2020-09"): 0.4,
            Month("2021-01"): 0.47,
            Month("2021-03"): 0.44,
        },
        reversals=0.0034,
        duplicates=0.00006,
        zero_distance=0.057,
        no_tip=0.22,
    ),
    "fhv": Dirt(blank_vendor={}),
    "fhvhv": Dirt(blank_vendor={}, duplicates=0.0),
}

GARBLED_MINUTES = (Month("2020-09"), Month("2020-12"))
"""First and last month in which some times of the blank-vendor block have the month as their minute."""

GARBLED_SHARE = 0.1
"""Share of the block's times that are garbled in those months."""

FIRST_CONGESTION_MONTH = Month("2019-02")
"""The first month with a congestion surcharge; in the month before, the column is mostly blank."""
