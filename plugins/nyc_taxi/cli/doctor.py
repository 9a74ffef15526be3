"""``airflow taxi doctor``: what dead runs left behind, and what is not as the ledger says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.command import say
from nyc_taxi.cli.output import print_rows
from nyc_taxi.errors import LeftToDo
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.load.doctor import examine

if TYPE_CHECKING:
    from argparse import Namespace

    from nyc_taxi.load.warehouse import Finding


@suppress_logs_and_warning
def doctor(args: Namespace) -> None:
    """Print one row for each finding, after clearing up if that is asked for.

    :raises LeftToDo: when something is left to do
    """
    findings = examine(warehouse("postgres", args.conn_id), clean=args.clean)
    if findings or args.output in {"json", "yaml"}:
        in_full = args.output != "table"
        print_rows([_row(finding, in_full=in_full) for finding in findings], args.output)
    else:
        say("Nothing was left behind, and every month holds the rows that the ledger says.")
    left = sum(1 for finding in findings if finding.to_do)
    if left:
        ending = "is left; it says what to do" if left == 1 else "are left; each says what to do"
        raise LeftToDo(f"{left} of {len(findings)} findings {ending}.")


def _row(finding: Finding, *, in_full: bool) -> dict[str, Any]:
    since = finding.since
    return {
        "what": finding.what,
        "where": finding.where,
        "since": f"{since:%Y-%m-%d %H:%M}" if since and not in_full else since,
        "bytes": finding.bytes,
        "done": finding.done,
        "to_do": finding.to_do,
    }
