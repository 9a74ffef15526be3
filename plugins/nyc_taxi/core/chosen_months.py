"""What somebody chose to load: datasets, and months in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.core.excerpt import quoted
from nyc_taxi.core.month import MonthRange
from nyc_taxi.errors import InvalidMonth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nyc_taxi.core.month import Month

MOST_MONTHS = 240
"""More months of a dataset than this are taken for a slip of the pen."""


def chosen_months(datasets: Iterable[str], months: str) -> list[dict[str, str]]:
    """Return one entry per dataset and month, each once, in order of month.

    :param datasets: names of datasets
    :param months: as :func:`read_months` takes them
    :raises InvalidMonth: when something is neither a month nor a range, or there are none or too many
    """
    wanted = read_months(months)
    return [
        {"dataset": dataset, "month": str(month)} for month in wanted for dataset in dict.fromkeys(datasets)
    ]


def read_months(months: str) -> list[Month]:
    """Return the months that a text names, each once, in their order.

    :param months: months and ranges with both ends included, separated by commas or white space
    :raises InvalidMonth: when something is neither a month nor a range, or there are none or too many
    """
    wanted = sorted({month for text in months.replace(",", " ").split() for month in MonthRange.parse(text)})
    if not wanted or len(wanted) > MOST_MONTHS:
        raise InvalidMonth(
            f"{quoted(months)} names {len(wanted)} months; choose 1 to {MOST_MONTHS}. "
            "Write months or ranges, for example 2021-01, 2021-03..2021-06."
        )
    return wanted
