"""Output of init, and waiting that reports what it waits for."""

from __future__ import annotations

import sys
import time

from nyc_taxi.core.excerpt import printable, printable_lines

ATTENTION = "Attention:"
"""The beginning of a sentence about something that init leaves to a person."""

_REPORT_EVERY = 10.0


def say(sentence: str) -> None:
    """Print one or more lines of the report."""
    sys.stdout.write(f"{printable_lines(sentence)}\n")
    sys.stdout.flush()


def remark(sentence: str) -> None:
    """Print a line to standard error: an error, or what is being waited for."""
    sys.stderr.write(f"{printable(sentence)}\n")
    sys.stderr.flush()


class Retry:
    """Repeats something until a timeout, and reports at once and every ten seconds what it waits for.

    :param what: completes the sentence "Waiting for …"
    :param timeout: seconds after which there is no further attempt
    :param pause: seconds between two attempts
    """

    def __init__(self, what: str, timeout: float, pause: float = 0.5) -> None:
        self._what = what
        self._timeout = timeout
        self._pause = pause
        self._started = time.monotonic()
        self._report_at = 0.0

    def again(self, why: str) -> bool:
        """Pause after a failed attempt, and return whether there is time for another one.

        :param why: why the attempt failed, as a clause
        """
        waited = time.monotonic() - self._started
        if waited >= self._timeout:
            return False
        if waited >= self._report_at:
            remark(f"Waiting for {self._what}: {why} ({waited:.0f} of {self._timeout:g} s).")
            self._report_at = waited + _REPORT_EVERY
        time.sleep(min(self._pause, self._timeout - waited))
        return True
