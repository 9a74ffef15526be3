"""Rejected rows, spooled to disk while a file is read and then copied to ``ops.rejected_rows``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psycopg

    from nyc_taxi.files.batch import RejectedRow
    from nyc_taxi.load.attempt import Attempt

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@dataclass(slots=True)
class Rejects:
    """The rejected rows of one attempt, in file order; memory does not grow with them.

    :param spool: where they are kept meanwhile: an empty binary file, open for reading and writing
    """

    attempt: Attempt
    spool: IO[bytes]
    count: int = 0

    def add(self, reject: RejectedRow) -> None:
        """Keep a row."""
        self.count += 1
        self.spool.write(as_line(self.attempt, reject))

    def lines(self) -> Iterator[bytes]:
        """Yield the rows as :func:`as_line` gives them."""
        self.spool.seek(0)
        yield from self.spool


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
