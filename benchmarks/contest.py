"""Two ways to do a thing, measured beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable


def pairs(
    base: Callable[[], float], candidate: Callable[[], float], rounds: int
) -> list[tuple[float, float]]:
    """Return the seconds of both ways for each round, done right after each other and first in turns.

    A machine's speed varies from minute to minute far more than between two neighbours.
    """
    found = []
    for number in range(rounds):
        if number % 2:
            later = candidate()
            found.append((base(), later))
        else:
            found.append((base(), candidate()))
    return found


def ratio(name: str, found: list[tuple[float, float]], target: float, note: str = "") -> Figure:
    """Return the median of the rounds' ratios, the candidate's seconds by the base's."""
    return Figure.of(name, [candidate / base for base, candidate in found], "×", target, note)
