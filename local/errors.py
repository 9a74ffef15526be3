"""The root of the errors whose message is shown to the user without a traceback."""

from __future__ import annotations


class LocalError(RuntimeError):
    """What went wrong and what to do about it, in a sentence."""
