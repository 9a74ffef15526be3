"""Rejected rows, spooled to disk while a file is read and then copied to ``ops.rejected_rows``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from nyc_taxi.files.batch import RejectedRow
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psycopg

    from nyc_taxi.load.attempt import Attempt

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@dataclass(slots=True)
class Rejects:
    """The rejected rows of one attempt, in file order; memory does not grow with them.

    :param spool: where they are kept meanwhile: an empty binary file, open for reading and writing
    """

    attempt: Attempt
    spool: BinaryIO
    count: int = 0
    first: list[RejectedRow] = field(default_factory=list)

    def add(self, row_number: int, line_number: int | None, reason: str, line: bytes) -> None:
        """Keep a row."""
        reject = RejectedRow(row_number, line_number, reason, line)
        self.count += 1
        if len(self.first) < 1_000:
            self.first.append(reject)
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
        escaped(reject.reason),
        rf"\\x{reject.line.hex()}",
    )
    return "\t".join(fields).encode() + b"\n"


def copy_rejects(connection: psycopg.Connection[Any], lines: Iterable[bytes]) -> None:
    """Copy lines of :func:`as_line` to ``ops.rejected_rows``, in the caller's transaction if there is one."""
    with connection.cursor().copy(statement("copy_rejects")) as copy:
        for line in lines:
            copy.write(line)


def escaped(text: str) -> str:
    """Return text as a field of COPY's text format."""
    return text.translate(_ESCAPES)
