"""Files that killed tasks and past days leave behind. A starting scheduler removes them."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nyc_taxi.deploy import environment as env

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DAY: Final = 86_400


def remove_leftovers(environment: Mapping[str, str]) -> None:
    """Remove temporary folders of tasks of earlier days, and logs older than NYC_TAXI_LOG_DAYS if it is set.

    What belongs to another user stays.

    :raises BootstrapFailed: if NYC_TAXI_LOG_DAYS is not a number
    """
    for folder in _older(Path(tempfile.gettempdir()).glob("nyc-taxi-*"), days=1):
        shutil.rmtree(folder, ignore_errors=True)
    days = env.number("NYC_TAXI_LOG_DAYS", environment, "days", 0)
    if not days:
        return
    home = environment.get("AIRFLOW_HOME") or "~/airflow"
    logs = Path(environment.get("AIRFLOW__LOGGING__BASE_LOG_FOLDER") or f"{home}/logs").expanduser()
    for file in _older(logs.rglob("*.log"), days):
        try:
            file.unlink()
            for folder in file.parents:
                if folder == logs:
                    break
                folder.rmdir()
        except OSError:
            continue  # another user's, or a folder that holds more


def _older(paths: Iterator[Path], days: float) -> Iterator[Path]:
    limit = time.time() - days * _DAY
    for path in list(paths):
        try:
            if path.lstat().st_mtime < limit:
                yield path
        except OSError:
            continue
