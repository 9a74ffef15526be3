"""Several ways to do a thing, timed next to each other in rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def rounds(ways: Mapping[str, Callable[[], float]], count: int) -> dict[str, list[float]]:
    """Return the seconds of each way for each round; every round begins with another way.

    A machine's speed varies far more from minute to minute than within a round.
    """
    names = list(ways)
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(count):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(ways[name]())
    return found


def ratio(
    name: str, seconds: Sequence[float], base: Sequence[float], target: float, note: str = ""
) -> Figure:
    """Return the median of the rounds' ratios of a way's seconds to the base's."""
    return Figure.of(name, [one / other for one, other in zip(seconds, base, strict=True)], "×", target, note)
