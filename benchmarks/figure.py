"""One measured figure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a run, measured in it.

    :param name: what was measured; the same in every run, so that runs can be compared
    :param value: what was found
    :param unit: its unit; ``×`` for a ratio
    :param target: what it may be at most; None when it is for information
    :param spread: the smallest and the largest of the values whose median it is
    :param note: what else a reader should know
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    spread: tuple[float, float] | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.target is None else self.value <= self.target

    @classmethod
    def of(
        cls, name: str, values: Sequence[float], unit: str, target: float | None = None, note: str = ""
    ) -> Self:
        """Return the median of some values, with the smallest and the largest of them."""
        return cls(name, median(values), unit, target, (min(values), max(values)), note)
