"""Memory and CPU time of processes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

MIB = 1 << 20


def memory(processes: Iterable[psutil.Process]) -> int:
    """Return the bytes of processes; shared pages count in proportion."""
    found = 0
    for process in processes:
        with suppress(psutil.Error):  # it has ended
            about = process.memory_full_info()
            found += getattr(about, "pss", about.uss)
    return found


def cpu(processes: Iterable[psutil.Process]) -> float:
    """Return the CPU seconds of processes so far, including their children that have ended."""
    found = 0.0
    for process in processes:
        with suppress(psutil.Error):
            found += sum(process.cpu_times()[:4])
    return found


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and all its living descendants."""
    with suppress(psutil.Error):
        return [process, *process.children(recursive=True)]
    return []
