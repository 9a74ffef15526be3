"""The sample months that the demo's web server serves.

Run as ``python -m local.samples FOLDER ROWS MONTHS``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from local.files import write_private
from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.samples import write_sample


def missing(folder: Path, rows: int, months: MonthRange) -> list[Month]:
    """Return the months that the folder lacks, or has with another number of rows."""
    made = _made(folder)
    return [month for month in months if made.get(str(month)) != rows]


def write(folder: Path, rows: int, months: MonthRange) -> None:
    """Write the missing months. The others keep their files, and with them their entity tags."""
    for month in missing(folder, rows, months):
        write_sample(MonthRange(month, month), rows, folder)
        write_private(folder / "made.json", json.dumps({**_made(folder), str(month): rows}))


def _made(folder: Path) -> dict[str, int]:
    """Return the months whose files are complete, with their number of rows."""
    try:
        made: dict[str, int] = json.loads((folder / "made.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return made


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), MonthRange.parse(sys.argv[3]))
