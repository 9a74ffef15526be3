"""``airflow taxi rejects``: the rows of a file that the warehouse refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.command import command, remark
from nyc_taxi.cli.output import print_rows
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.postgres import ledger

if TYPE_CHECKING:
    from argparse import Namespace

    from nyc_taxi.postgres.ledger import RejectedRow

_CUT = 120
"""Characters of a line that the table shows."""


@command
@suppress_logs_and_warning
def rejects(args: Namespace) -> None:
    """Print the rows refused by the newest attempt to load a month, in the order of the file."""
    dataset = get_dataset(args.dataset).name
    target = warehouse(args.postgres_conn_id)
    target.prepare()
    more = None if args.limit is None else args.limit + 1
    with target.session("rejects") as connection:
        rows = ledger.rejects(connection, dataset, args.month, more)
    shown = rows[: args.limit]
    print_rows([_row(row, in_full=args.output != "table") for row in shown], args.output)
    if len(rows) > len(shown):
        remark(f"There are more than {args.limit}: add --limit all to see every one.")


def escaped(line: bytes) -> str:
    """Return a line as printable text from which its bytes can be told.

    A backslash is doubled; what is not printable, or not UTF-8, is written with one.
    """
    text = line.replace(b"\\", rb"\\").decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _row(row: RejectedRow, *, in_full: bool) -> dict[str, Any]:
    line = escaped(row.line)
    return {
        "line_number": row.line_number,
        "row_number": row.row_number,
        "reason": row.reason,
        "line": line if in_full or len(line) <= _CUT else f"{line[: _CUT - 1]}…",
    }
