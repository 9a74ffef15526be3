"""Months loaded by Airflow's scheduler, one run at a time, and an idle Airflow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks import files
from benchmarks.figure import Figure
from benchmarks.files import apart
from benchmarks.loading import load, warehouse
from benchmarks.place import FIRST
from benchmarks.processes import MIB, cpu, memory
from benchmarks.stack import parts, run, stack, unpause
from nyc_taxi.core.month import MonthRange
from nyc_taxi.files.source_list import SourceList

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.sizes import Sizes
    from benchmarks.stack import Run
    from local.stack import Stack


def measure(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """Measure runs from the trigger to their success."""
    with stack(folder) as on:
        small = MonthRange(FIRST, FIRST.plus(sizes.small_runs))
        large = MonthRange(FIRST, FIRST.plus(sizes.large_runs))
        apart(files.months, on.state.samples, ["green"], small, sizes.small)
        apart(files.months, on.state.samples, ["yellow"], large, sizes.large)
        yield from _idle(on, sizes)
        unpause(on)
        yield from _small(on, small)
        yield from _large(on, large)


def _idle(on: Stack, sizes: Sizes) -> Iterator[Figure]:
    """Measure what all processes together take while no run exists."""
    time.sleep(sizes.idle)
    before, began = parts(on), time.monotonic()
    taken = sum(map(cpu, before.values()))
    time.sleep(sizes.idle)
    after, seconds = parts(on), time.monotonic() - began
    share = 100 * (sum(map(cpu, after.values())) - taken) / seconds
    shares = {name: memory(processes) / MIB for name, processes in after.items()}
    note = ", ".join(f"{name} {mib:,.0f}" for name, mib in shares.items())
    yield Figure("idle stack, memory", sum(shares.values()), "MiB", note=note)
    yield Figure("idle stack, CPU", share, "% of a core")


def _small(on: Stack, months: MonthRange) -> Iterator[Figure]:
    """Measure small months, after a first one with cold caches."""
    first, *others = months
    cold = run(on, "green_postgres", str(first))
    found = [run(on, "green_postgres", str(month)) for month in others]
    note = f"the first one {cold.seconds:.2f} s"
    yield Figure.of("small month through the scheduler", [one.seconds for one in found], "s", 2.0, note)
    for task in found[0].tasks:
        yield Figure.of(f"small month, task {task}", [one.tasks[task] for one in found], "s")
    yield Figure.of("small month, between its tasks", [_between(one) for one in found], "s")


def _between(one: Run) -> float:
    """Return the seconds of a run in which none of its tasks was running."""
    return one.seconds - sum(one.tasks.values())


def _large(on: Stack, months: MonthRange) -> Iterator[Figure]:
    """Measure large months in turns with the same loads in this process, and then that they are unchanged."""
    on.postgres.create_database("alone")
    store = warehouse(on.postgres.uri("alone"))
    sources = SourceList.parse(on.files_url)
    first, *others = months
    run(on, "yellow_postgres", str(first))
    alone, found = [], []
    for month in others:
        alone.append(load(store, sources, "yellow", month).complete)
        found.append(run(on, "yellow_postgres", str(month)).seconds)
    over = [there - here for there, here in zip(found, alone, strict=True)]
    yield Figure.of("large month through the scheduler, over its load alone", over, "s", 1.5)
    yield Figure.of("large month through the scheduler", found, "s")
    again = [run(on, "yellow_postgres", str(month)) for month in others]
    yield Figure.of("unchanged month, its stage task", [one.tasks["stage"] for one in again], "s", 1.0)
    yield Figure.of("unchanged month through the scheduler", [one.seconds for one in again], "s")
