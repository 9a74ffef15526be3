"""What reading a file gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.files.reader import open_file

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.files.batch import RejectedRow


def read(path: Path, dataset: Dataset | str = "green") -> tuple[list[dict[str, Any]], list[RejectedRow]]:
    """Return all rows of a file that can be read, without their nulls, and all others."""
    rows: list[dict[str, Any]] = []
    rejects: list[RejectedRow] = []
    with open_file(get_dataset(dataset) if isinstance(dataset, str) else dataset, path) as reader:
        for batch in reader:
            rows += [
                {name: value for name, value in row.items() if value is not None}
                for row in batch.rows.to_pylist()
            ]
            rejects += batch.rejects
        assert reader.rows == len(rows) + len(rejects)
    return rows, rejects
