"""The warehouses that pages ask, opened once and kept for a while."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

from nyc_taxi.hooks.warehouse import warehouse

if TYPE_CHECKING:
    from collections.abc import Callable

    from nyc_taxi.load.warehouse import Warehouse
    from nyc_taxi.targets import Target

_KEPT: Final = 300.0
"""Seconds for which a warehouse is kept; later, its connection in Airflow is read anew."""

_open: Final[dict[str, tuple[Warehouse, float]]] = {}
_lock: Final = Lock()

T = TypeVar("T")


def ask(target: Target, question: Callable[[Warehouse], T]) -> T:
    """Ask the warehouse of a target; after an error, the next call opens it anew."""
    with _lock:
        found, since = _open.get(target.name, (None, 0.0))
    if found is None or time.monotonic() - since > _KEPT:
        found = warehouse(target)
        with _lock:
            _open[target.name] = (found, time.monotonic())
    try:
        return question(found)
    except BaseException:
        with _lock:
            _open.pop(target.name, None)
        raise
