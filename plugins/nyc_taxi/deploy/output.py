"""What is told, a line at a time, and waiting that tells what for."""

from __future__ import annotations

import sys
import time

from nyc_taxi.core.excerpt import printable

_REMIND_AFTER = 10.0


def say(sentence: str) -> None:
    """Write a line of the report."""
    sys.stdout.write(f"{printable(sentence)}\n")
    sys.stdout.flush()


def remark(sentence: str) -> None:
    """Write a line that is no result: what is waited for, or why nothing goes on."""
    sys.stderr.write(f"{printable(sentence)}\n")
    sys.stderr.flush()


class Patience:
    """A time to try something again in, which tells at once and every ten seconds what is waited for.

    :param what: what is waited for, as in "Waiting for …"
    :param seconds: time after which there is no further try
    :param pause: seconds between two tries
    """

    def __init__(self, what: str, seconds: float, pause: float = 0.5) -> None:
        self._what = what
        self._seconds = seconds
        self._pause = pause
        self._began = time.monotonic()
        self._remind_at = 0.0

    def again(self, why: str) -> bool:
        """Pause after a try that failed, and return whether there is time for another one.

        :param why: what the try met, as a clause
        """
        waited = time.monotonic() - self._began
        if waited >= self._seconds:
            return False
        if waited >= self._remind_at:
            remark(f"Waiting for {self._what}: {why} ({waited:.0f} of {self._seconds:g} s).")
            self._remind_at = waited + _REMIND_AFTER
        time.sleep(min(self._pause, self._seconds - waited))
        return True
