"""What a check of a month's quality can find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Dimension = Literal["accuracy", "completeness", "consistency", "timeliness", "uniqueness", "validity"]
"""What a check says something about."""

MeasuredBy = Literal["load", "dbt"]
"""Who measured: the audit of the staged file, or dbt before the marts take the month."""

Outcomes = Literal["pass", "warn", "error"]
"""How a check ends: ``warn`` is reported, ``error`` keeps the month out."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check's result.

    :param name: what was checked
    :param dimension: what it says something about
    :param outcome: how it ended
    :param value: what was found
    :param threshold: the values that pass
    :param message: the finding as a sentence
    """

    name: str
    dimension: Dimension
    outcome: Outcomes
    value: float
    threshold: str
    message: str
