"""What a figure depends on besides the code: the machine, its software, and its other load."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.place import BenchmarkFailed
from local.environment import CHECKOUT
from local.postgres import EmbeddedPostgres

QUIET = 10.0
"""Percent of all cores that other programs may use."""

_ROOM = 8 << 30


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The circumstances of a run.

    :param date: when the run began, as an ISO 8601 text
    :param commit: short name of the commit; with ``+`` when files differ from it
    :param machine: cores, memory, processor and system
    :param python: version of Python
    :param postgres: version of Postgres
    """

    date: str
    commit: str
    machine: str
    python: str
    postgres: str


def circumstances() -> Circumstances:
    """Return the circumstances of a run that begins now."""
    memory = psutil.virtual_memory().total / (1 << 30)
    return Circumstances(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_output(("git", "describe", "--always", "--dirty=+", "--exclude=*")) or "unknown",
        machine=f"{cores()} cores, {memory:.0f} GiB, {_processor()}, {platform.system()}",
        python=platform.python_version(),
        postgres=_output((str(EmbeddedPostgres(Path(), 0).psql()), "--version")).rpartition(" ")[2],
    )


def cores() -> int:
    """Return how many cores there are for this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def busy(seconds: float) -> float:
    """Return the percent of all cores that were busy over some seconds."""
    return psutil.cpu_percent(seconds)


def load_average() -> float:
    """Return the machine's load average of the last minute."""
    return os.getloadavg()[0]


def check_room(folder: Path) -> None:
    """Check that the files of the largest group fit.

    :raises BenchmarkFailed: when they may not
    """
    if (free := shutil.disk_usage(folder).free) < _ROOM:
        raise BenchmarkFailed(
            f"{folder} has {free >> 30} GiB of free disk space; the largest group needs {_ROOM >> 30} GiB "
            "for as long as it runs. Make room first."
        )


def _processor() -> str:
    """Return the processor's name as the system has it."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    named = next((line for line in lines if line.startswith("model name")), "")
    return named.partition(":")[2].strip() or platform.machine()


def _output(command: tuple[str, ...]) -> str:
    """Return the output of a program in the checkout; nothing when it is missing or fails."""
    try:
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
