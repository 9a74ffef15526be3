"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 row``, ``1,200 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """Return a share with three digits, whatever its size: ``0.042%``, ``84%``, ``1,200%``."""
    rounded = float(f"{100 * share:.3g}")
    return f"{rounded:,.10f}".rstrip("0").rstrip(".") + "%"
