"""What each DAG file adds to a process that has imported ``airflow.sdk``."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.figure import Figure
from benchmarks.place import BenchmarkFailed
from local.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.sizes import Sizes

TARGET = 0.3

_CODE = """
import runpy, sys, time
import airflow.sdk
before = time.process_time()
runpy.run_path(sys.argv[1])
print(time.process_time() - before)
"""


def measure(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """Measure the CPU seconds that each DAG file takes to be read, everything it imports included."""
    for file in sorted((CHECKOUT / "dags").glob("*.py")):
        seconds = [_seconds(file, folder) for _ in range(sizes.imports)]
        yield Figure.of(f"import of dags/{file.name}", seconds, "s", TARGET)


def _seconds(file: Path, folder: Path) -> float:
    environment = {**os.environ, "AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(
        (sys.executable, "-c", _CODE, str(file)), env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkFailed(f"{file.name} cannot be imported:\n{done.stderr}")
    return float(done.stdout.splitlines()[-1])
