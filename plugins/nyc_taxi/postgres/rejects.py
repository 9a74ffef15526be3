"""Rejected rows, as ``ops.rejected_rows`` takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from nyc_taxi.files.batch import RejectedRow
    from nyc_taxi.load.attempt import Attempt

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def as_line(attempt: Attempt, reject: RejectedRow) -> bytes:
    """Return a rejected row as one line of COPY's text format."""
    fields = (
        str(attempt.id),
        attempt.dataset,
        attempt.month.first_day.isoformat(),
        r"\N" if reject.line_number is None else str(reject.line_number),
        str(reject.row_number),
        reject.reason.translate(_ESCAPES),
        rf"\\x{reject.line.hex()}",
    )
    return "\t".join(fields).encode() + b"\n"


def copy_rejects(connection: psycopg.Connection[Any], lines: Iterable[bytes]) -> None:
    """Copy lines of :func:`as_line` to ``ops.rejected_rows``, in the caller's transaction if there is one."""
    with connection.cursor().copy(statement("copy_rejects")) as copy:
        for line in lines:
            copy.write(line)
