"""A large month, loaded over one and over two connections, against psql."""

from __future__ import annotations

import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from benchmarks.contest import pairs, ratio
from benchmarks.figure import Figure
from benchmarks.loading import Seconds, copy_with_psql, load, sql_of, warehouse
from benchmarks.place import FIRST, BenchmarkFailed, place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.place import Place
    from benchmarks.sizes import Sizes

TARGETS = {2: 0.95, 1: 1.3}
"""What a load may take of the baseline's time, by the number of connections."""


def measure(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """Measure a load from the HEAD request, by way of the download, to the commit."""
    with place(folder) as here:
        file = here.sample("yellow", FIRST, sizes.large)
        for streams, target in TARGETS.items():
            loads: list[Seconds] = []
            found = pairs(partial(copied, here, file), partial(loaded, here, streams, loads), sizes.rounds)
            over = f"over {streams} connection{'s' if streams > 1 else ''}"
            yield ratio(f"large month {over}, against gunzip | psql", found, target)
            yield Figure.of(f"large month {over}", [one.committed for one in loads], "s")
            if streams == max(TARGETS):
                yield Figure.of("gunzip | psql of the large month", [base for base, _ in found], "s")
                after = [one.complete - one.committed for one in loads]
                yield Figure.of("statistics after the commit of a large month", after, "s")


def copied(here: Place, file: Path) -> float:
    """Return the seconds that psql takes for a file, into a bare table of the same types."""
    with here.database() as uri:
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute(sql_of("bare"))
        begun = time.monotonic()
        with subprocess.Popen(("gunzip", "-c", str(file)), stdout=subprocess.PIPE) as gunzip:
            if gunzip.stdout is not None:
                copy_with_psql(here.server, uri, gunzip.stdout, "bare")
        if gunzip.returncode:
            raise BenchmarkFailed(f"gunzip of {file} failed; the reason is above.")
        return time.monotonic() - begun


def loaded(here: Place, streams: int, loads: list[Seconds]) -> float:
    """Return the seconds that the product takes for the first month, and note all of them."""
    with here.database() as uri:
        store = warehouse(uri, streams)
        store.prepare()
        loads.append(load(store, here.sources, "yellow", FIRST))
    return loads[-1].committed
