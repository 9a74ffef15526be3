"""The root of the errors whose message is for the user, without a traceback."""

from __future__ import annotations


class Told(RuntimeError):
    """What went wrong and what to do about it, in a sentence."""
