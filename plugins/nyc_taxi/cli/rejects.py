"""``airflow taxi rejects``: the rows of a file that the warehouse refused."""

from __future__ import annotations

import secrets
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.command import remark, say
from nyc_taxi.cli.output import print_rows
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.excerpt import printable
from nyc_taxi.errors import ContractError, InvalidCommand
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.load.rejects_file import write_rejects

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from nyc_taxi.core.month import Month
    from nyc_taxi.files.batch import RejectedRow
    from nyc_taxi.load.warehouse import Warehouse

_CUT = 120
"""Characters of a line that the table shows."""


@suppress_logs_and_warning
def rejects(args: Namespace) -> None:
    """Show or export the rows refused by the newest attempt to load a month, in the order of the file."""
    if args.overwrite and not args.export:
        raise InvalidCommand("--overwrite needs a file to export to: add --export FILE.")
    dataset = get_dataset(args.dataset).name
    target = warehouse("postgres", args.conn_id)
    target.prepare()
    if args.export:
        _export(target, dataset, args.month, args.export, overwrite=args.overwrite)
        return
    more = None if args.limit is None else args.limit + 1
    attempt = target.ledger.rejecting(dataset, args.month)
    rows = list(target.ledger.rejects(attempt, more)) if attempt else []
    shown = rows[: args.limit]
    print_rows(
        [_row(row, in_full=args.output != "table") for row in shown],
        args.output,
        nothing=f"The warehouse keeps no refused row of {dataset} {args.month}.",
    )
    if len(rows) > len(shown):
        remark(f"There are more than {args.limit}: add --limit all to see every one.")


def _export(target: Warehouse, dataset: str, month: Month, file: str, *, overwrite: bool) -> None:
    """Write the refused rows to a file, and say how many."""
    attempt = target.ledger.rejecting(dataset, month)
    if attempt is None:
        raise ContractError(f"No file of {dataset} {month} was loaded or refused rows. Load it first.")
    with _output(file, overwrite=overwrite) as out:
        rows = write_rejects(target.ledger, attempt, out)
    tell = remark if file == "-" else say
    tell(f"{rows:,} refused rows of {attempt.url}{'' if file == '-' else f' are in {file}'}.")
    if rows < (attempt.rows_rejected or 0):
        remark(f"{attempt.rows_rejected:,} were refused; only the first {rows:,} of them were kept.")


@contextmanager
def _output(file: str, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Open standard output, or a file that afterwards is there as a whole or, after a failure, as before.

    :raises InvalidCommand: when the file is there already, or cannot be written
    """
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(file).expanduser()
    if target.is_dir():
        raise InvalidCommand(f"{file} is a folder. Name a file.")
    part = target.with_name(f"{target.name}.{secrets.token_hex(4)}") if overwrite else target
    try:
        out = part.open("xb")
    except FileExistsError:
        raise InvalidCommand(f"{file} is there already: add --overwrite, or name another file.") from None
    except OSError as error:
        raise InvalidCommand(f"{file} cannot be written: {error.strerror}. Name another file.") from None
    try:
        with out:
            yield out
        part.replace(target)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise InvalidCommand(f"{file} cannot be written: {error.strerror}. Name another file.") from None


def escaped(line: bytes) -> str:
    """Return a line as printable text from which its bytes can be told.

    A backslash is doubled; what is not printable, or not UTF-8, is written with one.
    """
    return printable(line.replace(b"\\", rb"\\").decode("utf-8", "backslashreplace"))


def _row(row: RejectedRow, *, in_full: bool) -> dict[str, Any]:
    line = escaped(row.line)
    return {
        "line_number": row.line_number,
        "row_number": row.row_number,
        "reason": row.reason,
        "line": line if in_full or len(line) <= _CUT else f"{line[: _CUT - 1]}…",
    }
