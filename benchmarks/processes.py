"""What processes take: memory and CPU time."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

MIB = 1 << 20


def memory(processes: Iterable[psutil.Process]) -> int:
    """Return the bytes that processes have, pages that they share with others counted in proportion."""
    found = 0
    for process in processes:
        with suppress(psutil.Error):  # it has ended
            about = process.memory_full_info()
            found += getattr(about, "pss", about.uss)
    return found


def cpu(processes: Iterable[psutil.Process]) -> float:
    """Return the CPU seconds that processes took so far, with those of their children that have ended."""
    found = 0.0
    for process in processes:
        with suppress(psutil.Error):
            found += own_cpu(process) + sum(process.cpu_times()[2:4])
    return found


def own_cpu(process: psutil.Process) -> float:
    """Return the CPU seconds that a process took so far, without its children."""
    return float(sum(process.cpu_times()[:2]))


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and all its descendants that live."""
    with suppress(psutil.Error):
        return [process, *process.children(recursive=True)]
    return []
