"""Many months one after another: the last ones cost what the first ones did."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks.figure import Figure
from benchmarks.loading import load, warehouse
from benchmarks.place import FIRST, place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.sizes import Sizes

TARGET = 1.1


def measure(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """Measure whole loads, the statistics included, of months of the same size."""
    months = [FIRST.plus(number) for number in range(sizes.months)]
    ratios, seconds = [], []
    with place(folder) as here:
        for month in months:
            here.sample("yellow", month, sizes.month)
        for _ in range(sizes.months_rounds):
            with here.database() as uri:
                store = warehouse(uri)
                taken = [load(store, here.sources, "yellow", month).complete for month in months]
            ratios.append(median(taken[-sizes.ends :]) / median(taken[: sizes.ends]))
            seconds += taken
    note = f"medians of {sizes.ends} months at each end"
    yield Figure.of(f"month {sizes.months} against month 1", ratios, "×", TARGET, note)
    yield Figure.of(f"one of {sizes.months} months of {sizes.month:,} rows", seconds, "s")
