"""What reading a file gives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.files.reader import open_file
from tests.trips import MONTH

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.month import Month
    from nyc_taxi.files.batch import RejectedRow


def lenient(name: str) -> Dataset:
    """Return a dataset that refuses no file for the columns that it lacks."""
    return replace(get_dataset(name), on_missing="null")


def read(
    path: Path, dataset: Dataset | str = "green", month: Month = MONTH, *, whole: bool = False
) -> tuple[list[dict[str, Any]], list[RejectedRow]]:
    """Return all rows of a file that can be read, without their nulls, and all others."""
    rows: list[dict[str, Any]] = []
    rejects: list[RejectedRow] = []
    with open_file(
        get_dataset(dataset) if isinstance(dataset, str) else dataset, path, month, whole=whole
    ) as reader:
        for batch in reader:
            rows += [
                {name: value for name, value in row.items() if value is not None}
                for row in batch.rows.to_pylist()
            ]
            rejects += batch.rejects
        assert reader.rows == len(rows) + len(rejects)
    return rows, rejects
