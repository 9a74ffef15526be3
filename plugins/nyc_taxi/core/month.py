"""Months, ranges of months, and the rule that finds the month of a run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Self

from nyc_taxi.core.excerpt import quoted
from nyc_taxi.errors import ContractError, InvalidMonth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MONTH_PATTERN = r"^(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])$"
"""Pattern of a month, for the JSON schema of a form."""

_MONTH = re.compile(MONTH_PATTERN)
_SCHEDULED = frozenset({"scheduled", "backfill"})


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One calendar month.

    :param text: the month as ``YYYY-MM``, 1900-01 to 2099-12
    :raises InvalidMonth: for any other text
    """

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not _MONTH.fullmatch(self.text):
            raise InvalidMonth(
                f"{quoted(self.text)} is not a month. Write it as YYYY-MM, for example 2021-01."
            )

    @classmethod
    def of(cls, day: date) -> Self:
        """Return the month of a day.

        :raises InvalidMonth: when the day is before 1900 or after 2099
        """
        return cls(f"{day.year:04d}-{day.month:02d}")

    @property
    def first_day(self) -> date:
        """The month's first day."""
        return date(int(self.text[:4]), int(self.text[5:]), 1)

    def next(self) -> Month:
        """Return the month after this one.

        :raises InvalidMonth: after 2099-12
        """
        return self.plus(1)

    def plus(self, months: int) -> Month:
        """Return the month that is a number of months later, or earlier if the number is negative.

        :raises InvalidMonth: when the result is before 1900 or after 2099
        """
        years, month = divmod(int(self.text[:4]) * 12 + int(self.text[5:]) - 1 + months, 12)
        return Month(f"{years:04d}-{month + 1:02d}")

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class MonthRange:
    """Consecutive months, both ends included.

    :param first: the first month
    :param last: the last month; None when the range has no end
    :raises InvalidMonth: when the last month is before the first
    """

    first: Month
    last: Month | None

    def __post_init__(self) -> None:
        if self.last is not None and self.last < self.first:
            raise InvalidMonth(f"The range {self} is empty: its last month is before its first.")

    @classmethod
    def parse(cls, text: str) -> MonthRange:
        """Read ``2021-01``, ``2021-01..2021-03`` or, without an end, ``2021-01..``.

        :raises InvalidMonth: for any other text
        """
        first, dots, last = text.strip().partition("..")
        if not dots:
            return cls(Month(first), Month(first))
        return cls(Month(first), Month(last) if last else None)

    def __contains__(self, month: Month) -> bool:
        return self.first <= month and (self.last is None or month <= self.last)

    def __iter__(self) -> Iterator[Month]:
        if self.last is None:
            raise InvalidMonth(f"The range {self} has no end and cannot be listed.")
        month = self.first
        while month < self.last:
            yield month
            month = month.next()
        yield month

    def __str__(self) -> str:
        if self.first == self.last:
            return str(self.first)
        return f"{self.first}..{self.last or ''}"


def listed(months: Iterable[Month]) -> str:
    """Return months as text, in order and consecutive ones as a range: ``2021-01..2021-03, 2021-05``."""
    rows = groupby(enumerate(sorted(months)), key=lambda pair: pair[1].plus(-pair[0]))
    ranges = [[month for _, month in row] for _, row in rows]
    return ", ".join(str(MonthRange(row[0], row[-1])) for row in ranges)


def resolve_month(
    *,
    run_type: str,
    param: str | None,
    partition_key: str | None = None,
    interval_start: datetime | None = None,
) -> Month:
    """Return the month that a run loads.

    A scheduled or backfill run loads the month in which its data interval starts (UTC). Any other run loads
    the month in its parameter or its partition key. The data interval of a manual run is ignored: Airflow
    infers it from a logical date that the trigger form presets to the current time.

    :param run_type: Airflow's type of the run
    :param param: the run's ``month`` parameter
    :param partition_key: the run's partition key; the month of a composite key follows its last ``|``
    :param interval_start: start of the run's data interval, with a time zone
    :raises ContractError: when nothing names a month, or when two sources name different months
    :raises InvalidMonth: when the parameter or the key is not a month
    """
    named: dict[str, Month] = {}
    if param:
        named["the parameter month"] = Month(param)
    if partition_key:
        named["the partition key"] = Month(partition_key.rpartition("|")[2])
    if run_type in _SCHEDULED and interval_start is not None:
        if interval_start.tzinfo is None:
            raise ContractError(
                f"The data interval of this {run_type} run starts at {interval_start}, without a time zone, "
                "so its month is ambiguous. Give the DAG's start date a time zone."
            )
        named["the data interval"] = Month.of(interval_start.astimezone(UTC))
    if not named:
        raise ContractError(
            f"This {run_type} run names no month. Trigger it again with the parameter month, "
            'for example {"month": "2021-01"}.'
        )
    if len(set(named.values())) > 1:
        both = " and ".join(f"{month} in {what}" for what, month in named.items())
        raise ContractError(
            f"This {run_type} run names two months: {both}. Leave the parameter empty in scheduled and "
            "backfill runs, or start a manual run for the month you want."
        )
    return next(iter(named.values()))
