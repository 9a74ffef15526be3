"""Refused rows as a file again: their bytes as they were, under the header of their file."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, BinaryIO

from nyc_taxi.postgres import ledger

if TYPE_CHECKING:
    import psycopg

    from nyc_taxi.load.attempt import Attempt


def write_rejects(connection: psycopg.Connection[Any], attempt: Attempt, out: BinaryIO) -> int:
    """Write the rows that an attempt refused, byte for byte and in file order, each with a line end.

    Those of a CSV file follow its header and end as the file's rows do; where that was not recorded, with
    LF. Those of a parquet file are lines of JSON. Memory does not grow with their number.

    :return: how many rows were written
    """
    line_end = (attempt.line_end or "\n").encode()
    if attempt.line_end != "":
        out.write(_header(attempt))
    rows = 0
    for reject in ledger.rejects_of(connection, attempt):
        out.write(reject.line + line_end)
        rows += 1
    return rows


def _header(attempt: Attempt) -> bytes:
    """Return the names of the file's columns as a line; nothing when they were not recorded."""
    line = io.StringIO()
    if attempt.header:
        csv.writer(line, lineterminator=attempt.line_end or "\n").writerow(attempt.header)
    return line.getvalue().encode()
