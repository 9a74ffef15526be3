"""A large month whose file is unchanged."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.figure import Figure
from benchmarks.loading import load, warehouse
from benchmarks.place import FIRST, BenchmarkFailed, place
from nyc_taxi.load.load import load_month

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.sizes import Sizes


def measure(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """Measure the requests and the seconds that finding a month unchanged costs."""
    seconds, methods = [], []
    with place(folder) as here, here.database() as uri:
        here.sample("yellow", FIRST, sizes.large)
        store = warehouse(uri)
        load(store, here.sources, "yellow", FIRST)
        for _ in range(sizes.rounds):
            before = len(here.requests())
            begun = time.monotonic()
            load_month(store, here.sources, "yellow", FIRST, run_id="benchmark")
            seconds.append(time.monotonic() - begun)
            methods.append(here.requests()[before:])
    if {"HEAD"} != {method for requests in methods for method in requests}:
        raise BenchmarkFailed(f"An unchanged month costs the requests {methods}, not HEAD alone.")
    counts = [len(requests) for requests in methods]
    yield Figure.of("HEAD requests for an unchanged month", counts, "", 1)
    yield Figure.of("unchanged large month, in the process", seconds, "s", 1.0)
