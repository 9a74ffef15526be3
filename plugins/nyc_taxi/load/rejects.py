"""Rejected rows, spooled to disk while a file is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nyc_taxi.files.batch import RejectedRow
    from nyc_taxi.load.attempt import Attempt

    AsLine = Callable[[Attempt, RejectedRow], bytes]
    """Writes a rejected row as one line, as a warehouse loads it."""


@dataclass(slots=True)
class Rejects:
    """The rejected rows of one attempt, in file order; memory does not grow with them.

    :param spool: where they are kept meanwhile: an empty binary file, open for reading and writing
    """

    attempt: Attempt
    as_line: AsLine
    spool: IO[bytes]
    count: int = 0

    def add(self, reject: RejectedRow) -> None:
        """Keep a row."""
        self.count += 1
        self.spool.write(self.as_line(self.attempt, reject))

    def lines(self) -> Iterator[bytes]:
        """Yield the rows as lines."""
        self.spool.seek(0)
        yield from self.spool
