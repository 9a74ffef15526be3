"""``airflow taxi rejects``: the rejected rows of a month's file."""

from __future__ import annotations

import secrets
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.command import remark, say
from nyc_taxi.cli.output import print_rows
from nyc_taxi.cli.target import prepared_warehouse
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.excerpt import printable
from nyc_taxi.core.numerals import counted
from nyc_taxi.errors import ContractError, InvalidCommand
from nyc_taxi.load.rejects_file import write_rejects

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from nyc_taxi.files.batch import RejectedRow
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.ledger import Ledger

_TRUNCATED = 120
"""Characters of a line that the table shows."""


@suppress_logs_and_warning
def rejects(args: Namespace) -> None:
    """Show or export the rows that the newest attempt at a month rejected, in file order."""
    if args.overwrite and not args.export:
        raise InvalidCommand("--overwrite needs a file to export to: add --export FILE.")
    dataset = get_dataset(args.dataset).name
    ledger = prepared_warehouse(args).ledger
    attempt = ledger.rejecting(dataset, args.month)
    if args.export:
        if attempt is None:
            raise ContractError(f"{dataset} {args.month} was never loaded, and no row of it was rejected.")
        _export(ledger, attempt, args.export, overwrite=args.overwrite)
        return
    more = None if args.limit is None else args.limit + 1
    rows = list(ledger.rejects(attempt, more)) if attempt else []
    print_rows(
        [_row(row, in_full=args.output != "table") for row in rows[: args.limit]],
        args.output,
        nothing=f"{dataset} {args.month} has no rejected rows.",
    )
    if args.limit and len(rows) > args.limit:
        remark(f"Only the first {args.limit} are shown. Use --limit all to see all of them.")


def _export(ledger: Ledger, attempt: Attempt, file: str, *, overwrite: bool) -> None:
    """Write the rejected rows to a file, and say how many there are."""
    with _output(file, overwrite=overwrite) as out:
        rows = write_rejects(ledger, attempt, out)
    sentence = f"Wrote {counted(rows, 'rejected row')} of {attempt.url} to {file}."
    (remark if file == "-" else say)(sentence)
    if rows < (attempt.rows_rejected or 0):
        remark(f"{attempt.rows_rejected:,} rows were rejected; the warehouse has only the first {rows:,}.")


@contextmanager
def _output(file: str, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Open standard output, or a file that appears under its name only when it is complete.

    :raises InvalidCommand: when the file exists and may not be replaced, or cannot be written
    """
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(file).expanduser()
    if target.exists() and not (overwrite and target.is_file()):
        raise InvalidCommand(f"{file} exists. Name another file, or add --overwrite to replace a file.")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with part.open("xb") as out:
            yield out
        part.replace(target)
    except OSError as error:
        raise InvalidCommand(f"{file} cannot be written: {error.strerror}. Name another file.") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def escaped(line: bytes) -> str:
    """Return a line as printable text from which its bytes can be recovered.

    Backslashes are doubled. Bytes that are not printable, or not UTF-8, become escapes.
    """
    return printable(line.replace(b"\\", rb"\\").decode("utf-8", "backslashreplace"))


def _row(row: RejectedRow, *, in_full: bool) -> dict[str, Any]:
    line = escaped(row.line)
    return {
        "line_number": row.line_number,
        "row_number": row.row_number,
        "reason": row.reason,
        "line": line if in_full or len(line) <= _TRUNCATED else f"{line[: _TRUNCATED - 1]}…",
    }
