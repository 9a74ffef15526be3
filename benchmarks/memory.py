"""The memory of a process that stages a month, over what it has after its imports."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from benchmarks.figure import Figure
from benchmarks.files import apart, long_bad_csv, long_csv, long_parquet
from benchmarks.place import FIRST, BenchmarkFailed, place
from benchmarks.processes import MIB, family, memory
from local.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.place import Place
    from benchmarks.sizes import Sizes
    from nyc_taxi.core.month import Month

TARGET = 300
"""The MiB that staging a file may take."""

_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    :param name: what it is called
    :param layout: what precedes the address of such files in a source list
    :param write: writes a file into a folder, of a month and of a number of rows
    :param dataset: of which the files are
    :param month: the month of the files
    """

    name: str
    layout: str
    write: Callable[[Path, Month, int], Path]
    dataset: str = "yellow"
    month: Month = FIRST


def measure(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """Measure two files of each kind; the larger one may take as much as the smaller one."""
    with place(folder) as here:
        for kind in KINDS:
            yield from peaks_of(here, kind, sizes.long)


def peaks_of(here: Place, kind: Kind, rows: tuple[int, int]) -> Iterator[Figure]:
    """Measure a short and a long file of a kind."""
    peaks = [_peak(here, kind, number) for number in rows]
    for number, peak in zip(rows, peaks, strict=True):
        yield Figure(f"memory of staging {number:,} rows of {kind.name}", peak, "MiB", TARGET)
    name = f"memory of staging {kind.name}, {rows[1]:,} rows against {rows[0]:,}"
    yield Figure(name, peaks[1] / peaks[0], "×", 1.2, note="flat; a fifth is the allocator's")


def _peak(here: Place, kind: Kind, rows: int) -> float:
    """Stage a file in a separate process, and return its peak in MiB over its start."""
    file = apart(kind.write, here.samples, kind.month, rows)
    with here.database() as uri:
        source = f"{kind.layout}{here.files}"
        words = ("-m", "benchmarks.staging", uri, source, kind.dataset, str(kind.month))
        with subprocess.Popen(
            (sys.executable, *words), cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child:
            try:
                if child.stdin is None or child.stdout is None or child.stdout.readline() != "ready\n":
                    raise BenchmarkFailed("The staging process did not start; the reason is above.")
                process = psutil.Process(child.pid)
                before = peak = memory([process])
                child.stdin.write("go on\n")
                child.stdin.flush()
                while child.poll() is None:
                    peak = max(peak, memory(family(process)))
                    time.sleep(_PAUSE)
                loaded = child.stdout.readline()
            finally:
                child.kill()
    file.unlink()
    if child.returncode or int(loaded) != rows:
        raise BenchmarkFailed(f"Of {rows} rows of {kind.name}, {loaded.strip() or 'none'} were staged.")
    return (peak - before) / MIB


KINDS = (
    Kind("csv.gz", "", long_csv),
    Kind("csv.gz with a bad row", "", long_bad_csv),
    Kind("parquet", "tlc+", long_parquet),
)
