"""How much of a long test runs: a part of it in ``make test``, all of it in ``make test-long``."""

from __future__ import annotations

import os

LONG = os.environ.get("TEST_LONG") == "1"


def extent(usual: int, long: int) -> int:
    """Return how many rounds, kills or files to try: ``usual`` ones, or all of them."""
    return long if LONG else usual
