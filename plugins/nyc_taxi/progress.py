"""Progress of long steps, as lines of text."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MB = 1_000_000


class ProgressLog:
    """Logs the progress of a step, at most once per interval and once at its end.

    :param write: writes a line
    :param interval: seconds between two lines about the same step
    """

    def __init__(self, write: Callable[[str], object], interval: float = 10.0) -> None:
        self._write = write
        self._interval = interval
        self._step = ""
        self._started = self._written = self._called = time.monotonic()
        self._done = -1

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """Record how many bytes of a step are done, of a total that may be unknown."""
        now = time.monotonic()
        if step != self._step:
            # A short step reports once, at its end: it began when the last one was heard of.
            self._step, self._started, self._written, self._done = step, self._called, now, -1
        self._called = now
        if done == self._done or (done != total and now - self._written < self._interval):
            return
        self._written, self._done = now, done
        self._write(describe(step, done, total, now - self._started))


def describe(step: str, done: int, total: int | None, seconds: float) -> str:
    """Return one line like ``download: 12.3 of 45.6 MB (27%), 5.1 MB/s``."""
    share = f" of {total / MB:.1f} MB ({done / total:.0%})" if total else " MB"
    speed = f", {done / MB / seconds:.1f} MB/s" if seconds > 0 else ""
    return f"{step}: {done / MB:.1f}{share}{speed}"
