"""What the demo shows of the marts: where the money is made, how many trips a month has, and each day's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from nyc_taxi.core.month import Month

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import psycopg

    from nyc_taxi.core.month import MonthRange

_SQL: Final = Path(__file__).parent / "sql"
_BARS: Final = "▁▂▃▄▅▆▇█"
_ZONES: Final = 5


@dataclass(frozen=True, slots=True)
class Day:
    """The trips of one dataset that began on one day."""

    dataset: str
    day: date
    trips: int


def top_zones(connection: psycopg.Connection[Any], months: MonthRange) -> Table:
    """Return the zones whose pickups brought most, with trips and net revenue."""
    table = Table(title="Zones by revenue, from marts.fct_monthly_zone_revenue", title_justify="left")
    for name in ("borough", "zone"):
        table.add_column(name)
    for name in ("trips", "revenue"):
        table.add_column(name, justify="right")
    for borough, zone, trips, revenue in connection.execute(
        (_SQL / "top_zones.sql").read_text("utf-8"), {**_ends(months), "zones": _ZONES}
    ):
        table.add_row(borough, zone, f"{trips:,}", f"{revenue:,.0f} $")
    return table


def trips(connection: psycopg.Connection[Any], months: MonthRange) -> Table:
    """Return every dataset's trips a month, with a bar for each of its days.

    Pickups outside the file's month and rows that take a trip back do not count.
    """
    rows = connection.execute((_SQL / "daily_trips.sql").read_text("utf-8"), _ends(months))
    return trips_table([Day(*row) for row in rows])


def trips_table(days: Sequence[Day]) -> Table:
    """Return days as a table with a line a dataset and month; bars of one dataset have one scale."""
    title = "Trips of the month, without reversals, from marts.fct_trips and marts.fct_fhv_trips"
    table = Table(title=title, title_justify="left")
    for name in ("dataset", "month"):
        table.add_column(name)
    table.add_column("trips", justify="right")
    table.add_column("each day", no_wrap=True)
    most = {day.dataset: 0 for day in days}
    lines: dict[tuple[str, Month], list[Day]] = {}
    for day in days:
        most[day.dataset] = max(most[day.dataset], day.trips)
        lines.setdefault((day.dataset, Month.of(day.day)), []).append(day)
    for (dataset, month), of in lines.items():
        table.add_row(dataset, str(month), f"{sum(day.trips for day in of):,}", _bars(of, most[dataset]))
    return table


def _bars(days: Sequence[Day], most: int) -> str:
    """Return a bar for each day of a month, a blank for a day without trips."""
    bars = [" "] * 31
    for day in days:
        bars[day.day.day - 1] = _BARS[min(len(_BARS) - 1, day.trips * len(_BARS) // (most + 1))]
    return "".join(bars)


def _ends(months: MonthRange) -> dict[str, date]:
    first, *_, last = [months.first, *months]
    return {"first": first.first_day, "last": last.first_day}
