"""Rejected rows as a file again: their bytes unchanged, under the header of their file."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.ledger import Ledger


def write_rejects(ledger: Ledger, attempt: Attempt, out: BinaryIO) -> int:
    """Write the rejected rows of an attempt, byte for byte and in file order, each with a line end.

    Rows of a CSV file follow its header and end as the file's rows do; where that was not recorded, with
    LF. Rows of a parquet file are lines of JSON. Memory does not grow with their number.

    :returns: how many rows were written
    """
    line_end = (attempt.line_end or "\n").encode()
    if attempt.line_end != "":
        out.write(_header(attempt))
    rows = 0
    for reject in ledger.rejects(attempt):
        out.write(reject.line + line_end)
        rows += 1
    return rows


def _header(attempt: Attempt) -> bytes:
    """Return the names of the file's columns as a line; nothing when they were not recorded."""
    line = io.StringIO()
    if attempt.header:
        csv.writer(line, lineterminator=attempt.line_end or "\n").writerow(attempt.header)
    return line.getvalue().encode()
