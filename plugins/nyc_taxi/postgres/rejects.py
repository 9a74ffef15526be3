"""Refused rows, kept on disk while a file is read and then copied to ``ops.rejected_rows``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    import psycopg

    from nyc_taxi.load.attempt import Attempt

SHOWN = 3
"""How many reasons a message quotes."""


@dataclass(slots=True)
class Rejects:
    """The refused rows of one attempt, in file order; memory does not grow with them.

    :param attempt: the attempt that refuses them
    :param spool: where they are kept meanwhile: an empty binary file, open for reading and writing
    """

    attempt: Attempt
    spool: BinaryIO
    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, row_number: int, line_number: int | None, reason: str, line: bytes) -> None:
        """Keep a row.

        :param row_number: ordinal of the row among the file's data rows, from 1
        :param line_number: physical line, from 1; None in a parquet file
        :param line: the row byte for byte, without its line end
        """
        self.count += 1
        if len(self.first) < SHOWN:
            where = f"row {row_number}" if line_number is None else f"line {line_number}"
            self.first.append(f"{where}: {reason}")
        fields = (
            str(self.attempt.id),
            self.attempt.dataset,
            self.attempt.month.first_day.isoformat(),
            r"\N" if line_number is None else str(line_number),
            str(row_number),
            escaped(reason),
            rf"\\x{line.hex()}",
        )
        self.spool.write("\t".join(fields).encode() + b"\n")

    def save(self, connection: psycopg.Connection[Any], at_most: int | None = None) -> None:
        """Copy the rows to ``ops.rejected_rows``, within the caller's transaction.

        :param at_most: how many of the first ones; None for all
        """
        self.spool.seek(0)
        with connection.cursor().copy(statement("copy_rejects")) as copy:
            for number, line in enumerate(self.spool):
                if at_most is not None and number >= at_most:
                    break
                copy.write(line)


_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def escaped(text: str) -> str:
    """Return text as a field of COPY's text format."""
    return text.translate(_ESCAPES)
