"""Fast random draws, the same on every run with the same seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from nyc_taxi.samples.dirt import Dirt

    Ints = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]

_CELLS = 1 << 16


def weighted(weights: Mapping[int, float]) -> Ints:
    """Return a table of 65,536 values in which each takes up its share of the cells.

    A look-up at a random cell is a weighted draw, several times faster than drawing from
    probabilities. A share below 1 in 65,536 may round to nothing.
    """
    edges = np.cumsum(list(weights.values()))
    cells = np.round(edges / edges[-1] * _CELLS).astype(np.int64)
    return np.repeat(np.array(list(weights), np.int64), np.diff(cells, prepend=0))


def draw(rng: np.random.Generator, table: Ints, rows: int) -> Ints:
    """Draw that many values from a table of :func:`weighted`."""
    cells = rng.integers(0, _CELLS, rows, np.uint16)
    return table.take(cells)


def some(rng: np.random.Generator, share: float, rows: int) -> Mask:
    """Return a mask in which about that share of the rows is set."""
    return rng.random(rows, np.float32) < share


def inside(places: Ints, first: int, rows: int) -> Ints:
    """Return those places of a block that lie in a slice, numbered from the slice's first row."""
    return places[(places >= first) & (places < first + rows)] - first


def spans(rows: int, size: int = 1 << 16) -> Iterator[tuple[int, int]]:
    """Cut a block into slices of an even size, so that memory does not grow with the file."""
    for first in range(0, rows, size):
        yield first, min(first + size, rows)


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Where the rare rows of a block are: each has an even row and the odd one after it to itself.

    :param reversals: even row numbers of the pairs of which the first takes back the second
    :param duplicates: even row numbers of the pairs that are equal
    :param strays: even row numbers of rows outside the month
    """

    reversals: Ints
    duplicates: Ints
    strays: Ints

    @classmethod
    def plan(cls, rng: np.random.Generator, rows: int, of: int, dirt: Dirt) -> Self:
        """Place the rare rows of a block of ``rows`` in a file of ``of`` rows.

        A file of fewer than 100 rows has neither duplicates nor strays.
        """
        pairs = rows // 2
        wanted = [
            round(of * dirt.reversals),
            round(of * dirt.duplicates + 0.5) if of >= 100 else 0,
            min(dirt.max_strays, round(of * dirt.strays + 0.5)) if of >= 100 else 0,
        ]
        places = rng.choice(pairs, min(sum(wanted), pairs), replace=False) * 2
        reversals, duplicates, strays = np.split(places, np.cumsum(wanted)[:2])
        return cls(np.sort(reversals), np.sort(duplicates), strays)
