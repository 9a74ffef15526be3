"""Months of samples for the tests of the marts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.samples import write_sample
from tests.trips import lines, text, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dbt.mart import Project

ROWS = 1_000


def load(project: Project, dataset: str, month: str, edition: int = 1) -> None:
    """Load a month of samples, which have TLC's dirt: reversals, copies, pickups of 2009 and 2098."""
    folder = project.folder / str(edition)
    path, _ = write_sample(MonthRange.parse(month), ROWS, folder, [dataset], edition=edition)
    project.load(path, dataset, month)


def without_totals(folder: Path, month: str, rows: int) -> Path:
    """Write a green month whose rows are sound one by one, and of which no total is known."""
    header, *sound = lines(rows, Month(month))
    blank = [
        ",".join("" if place == 16 else value for place, value in enumerate(row.split(","))) for row in sound
    ]
    return write(folder / "bad", text([header, *blank]), f"green_tripdata_{month}.csv.gz")
