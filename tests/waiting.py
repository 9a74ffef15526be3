"""Waiting for something to come about, however slow the machine is: only what hangs is to be found."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

HANGS = 300.0
"""Seconds after which nothing is to be expected any more, on a machine that does much else."""


def eventually(what: Callable[[], Any], seconds: float = HANGS) -> Any:
    """Return the first true answer to a question that is asked again and again."""
    end = time.monotonic() + seconds
    while not (answer := what()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s: {what.__doc__ or what}")
        time.sleep(0.1)
    return answer
