"""What a check of a month's quality can find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Dimension = Literal["accuracy", "completeness", "consistency", "timeliness", "uniqueness", "validity"]
"""What a check says something about."""

MeasuredBy = Literal["load", "dbt"]
"""Who measured: the audit of the staged file, or dbt before the marts take the month."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check's result.

    :param name: what was checked
    :param dimension: what it says something about
    :param outcome: ``pass``, ``warn`` (reported) or ``error`` (keeps the month out)
    :param value: what was found
    :param threshold: the values that pass
    :param message: the finding as a sentence
    """

    name: str
    dimension: Dimension
    outcome: Literal["pass", "warn", "error"]
    value: float
    threshold: str
    message: str
