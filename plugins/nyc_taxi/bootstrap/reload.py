"""Development: a part of Airflow that starts again when the package's sources change."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

_SOURCES: Final = frozenset({".py", ".sql", ".yaml", ".yml"})
_STOPS_WITHIN: Final = 60
"""Seconds that a part gets to end, with its tasks."""


def is_source(_change: object, path: str) -> bool:
    """Return whether a changed file is a source, for watchfiles; an editor's own files are none."""
    file = Path(path)
    return file.suffix in _SOURCES and not file.name.startswith(".")


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
    return [
        "watchfiles",
        *("--filter", f"{__name__}.{is_source.__name__}"),
        *("--sigint-timeout", str(_STOPS_WITHIN)),
        *("--target-type", "command"),
        shlex.join(program),
        folder,
    ]
