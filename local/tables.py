"""The tables that ``make demo`` prints at its end: loaded months, trips per day, and zones by revenue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from nyc_taxi.core.month import Month

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from nyc_taxi.core.month import MonthRange
    from nyc_taxi.load.attempt import Attempt

    Query = Callable[[str, Mapping[str, Any]], Iterable[tuple[Any, ...]]]
    """Runs a statement, whose parameters are written as ``%(name)s``, and returns its rows."""

_SQL: Final = Path(__file__).parent / "sql"
_BARS: Final = "▁▂▃▄▅▆▇█"
_ZONES: Final = 5


def loaded_months(attempts: Sequence[Attempt], before: set[int]) -> Table:
    """Return the row counts of loaded months, and their sums.

    :param attempts: the published attempts of the months
    :param before: ids of the attempts that had been published before the demo loaded anything
    """
    title = "Loaded months, from the ledger in the warehouse"
    table = _table(
        title, "dataset", "month", "rows in file>", "loaded>", "rejected>", "seconds>", "this time"
    )
    for one in attempts:
        outcome = "unchanged" if one.id in before else "loaded"
        table.add_row(one.dataset, str(one.month), *_texts(counts(one)), f"{one.seconds or 0:.1f}", outcome)
    table.add_section()
    table.add_row("total", "", *_texts(map(sum, zip(*map(counts, attempts), strict=True))))
    return table


def counts(attempt: Attempt) -> tuple[int, int, int]:
    """Return how many rows an attempt's file has, how many were loaded, and how many were rejected."""
    return attempt.rows_in_file or 0, attempt.rows_loaded or 0, attempt.rows_rejected or 0


def trips(query: Query, months: MonthRange) -> Table:
    """Return each dataset's trips per month, with a bar for each day.

    Pickups outside the file's month and rows that reverse a trip do not count.
    """
    return trips_table(list(query((_SQL / "daily_trips.sql").read_text("utf-8"), _ends(months))))


def trips_table(days: Sequence[tuple[str, date, int]]) -> Table:
    """Return days as a table with one line per dataset and month; the bars of a dataset have one scale."""
    title = "Trips per month, without reversals, from marts.fct_trips and marts.fct_fhv_trips"
    table = _table(title, "dataset", "month", "trips>", "per day")
    lines: dict[tuple[str, Month], dict[int, int]] = {}
    most: dict[str, int] = {}
    for dataset, day, number in days:
        most[dataset] = max(most.get(dataset, 0), number)
        lines.setdefault((dataset, Month.of(day)), {})[day.day] = number
    for (dataset, month), numbers in lines.items():
        scale = len(_BARS) / (most[dataset] + 1)
        bars = (_BARS[int(numbers[day] * scale)] if day in numbers else " " for day in range(1, 32))
        table.add_row(dataset, str(month), f"{sum(numbers.values()):,}", "".join(bars))
    return table


def top_zones(query: Query, months: MonthRange) -> Table:
    """Return the pickup zones with the highest net revenue, and their trips."""
    table = _table(
        "Zones by revenue, from marts.fct_monthly_zone_revenue", "borough", "zone", "trips>", "revenue>"
    )
    statement = (_SQL / "top_zones.sql").read_text("utf-8")
    for borough, zone, number, revenue in query(statement, {**_ends(months), "zones": _ZONES}):
        table.add_row(borough, zone, f"{number:,}", f"{revenue:,.0f} $")
    return table


def objects(sizes: Iterable[tuple[str, int]]) -> Table:
    """Return the objects of a bucket, and their sizes."""
    table = _table("Objects in the bucket", "object", "bytes>")
    for name, size in sizes:
        table.add_row(name, f"{size:,}")
    return table


def _table(title: str, *columns: str) -> Table:
    """Return an empty table; the columns whose name ends in ``>`` are aligned to the right."""
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name.rstrip(">"), justify="right" if name.endswith(">") else "left", no_wrap=True)
    return table


def _texts(numbers: Iterable[int]) -> Iterable[str]:
    return (f"{number:,}" for number in numbers)


def _ends(months: MonthRange) -> dict[str, date]:
    first, *_, last = [months.first, *months]
    return {"first": first.first_day, "last": last.first_day}
