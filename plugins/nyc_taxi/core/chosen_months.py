"""Reading the datasets and months that a form or a command names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.core.excerpt import quoted
from nyc_taxi.core.month import MonthRange
from nyc_taxi.errors import InvalidMonth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nyc_taxi.core.month import Month

MOST_MONTHS = 240
"""More months than this are taken for a typing mistake."""


def chosen_months(datasets: Iterable[str], months: str) -> list[dict[str, str]]:
    """Return one entry per dataset and month, without duplicates, in order of month.

    :param datasets: names of datasets
    :param months: as :func:`read_months` takes them
    :raises InvalidMonth: when a word is neither a month nor a range, or when there are no or too many months
    """
    chosen = read_months(months)
    return [
        {"dataset": dataset, "month": str(month)} for month in chosen for dataset in dict.fromkeys(datasets)
    ]


def read_months(months: str) -> list[Month]:
    """Return the months that a text names, without duplicates and in order.

    :param months: months and inclusive ranges, separated by commas or white space
    :raises InvalidMonth: when a word is neither a month nor a range, or when there are no or too many months
    """
    chosen = sorted({month for text in months.replace(",", " ").split() for month in MonthRange.parse(text)})
    if not chosen or len(chosen) > MOST_MONTHS:
        raise InvalidMonth(
            f"{quoted(months)} names {len(chosen) or 'no'} months. Name 1 to {MOST_MONTHS} months or ranges, "
            "for example 2021-01, 2021-03..2021-06."
        )
    return chosen
