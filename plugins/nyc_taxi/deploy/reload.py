"""Development: a part of Airflow that starts again when the package's sources change.

Run as ``python -m nyc_taxi.deploy.reload FOLDER PROGRAM…``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

_SOURCES: Final = frozenset({".py", ".sql", ".yaml", ".yml"})
_STOPS_WITHIN: Final = 60
"""Seconds that a part gets to end, with its tasks."""
_LOOKS_EVERY: Final = 1000
"""Milliseconds until a part that ended by itself is noticed."""


def watched(program: list[str], environment: Mapping[str, str]) -> list[str]:
    """Return the command that runs a program, and again when a source in Airflow's plugins folder changes.

    :raises BootstrapFailed: when there is no such folder
    """
    home = environment.get("AIRFLOW_HOME") or os.path.expanduser("~/airflow")  # noqa: PTH111
    folder = environment.get("AIRFLOW__CORE__PLUGINS_FOLDER") or f"{home}/plugins"
    if not Path(folder).is_dir():
        raise BootstrapFailed(
            f"NYC_TAXI_RELOAD is set, but there is no folder {folder}. Mount plugins/ there."
        )
    return [sys.executable, "-m", __name__, folder, *program]


def run_watched(folder: str, program: list[str]) -> int:
    """Run a program, and again whenever a source in a folder changes, until it ends by itself.

    So whoever started this sees that the part is over, and can start it again. A signal ends both.

    :return: what the program returned, as a shell would say it
    """
    from watchfiles import watch

    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    part = _start(program)
    for changes in watch(
        folder, watch_filter=is_source, stop_event=stopping, yield_on_timeout=True, rust_timeout=_LOOKS_EVERY
    ):
        if part.poll() is not None:
            break
        if changes:
            _stop(part)
            part = _start(program)
    _stop(part)
    return part.returncode if part.returncode >= 0 else 128 - part.returncode


def is_source(_change: object, path: str) -> bool:
    """Return whether a changed file is a source, for watchfiles; an editor's own files are none."""
    file = Path(path)
    return file.suffix in _SOURCES and not file.name.startswith(".")


def _start(program: list[str]) -> subprocess.Popen[bytes]:
    # In a session of its own, it gets a signal to the group once: handed on from here.
    return subprocess.Popen(program, start_new_session=True)  # noqa: S603  # the user's own command


def _stop(part: subprocess.Popen[bytes]) -> None:
    part.terminate()
    try:
        part.wait(_STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        part.kill()
        part.wait()


if __name__ == "__main__":
    sys.exit(run_watched(sys.argv[1], sys.argv[2:]))
