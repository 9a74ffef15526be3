"""``airflow taxi doctor``: leftovers, months that contradict the ledger, and what keeps DAGs from running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi import deployment
from nyc_taxi.cli.output import print_rows
from nyc_taxi.cli.target import chosen_warehouse
from nyc_taxi.core.numerals import counted
from nyc_taxi.errors import TaxiError
from nyc_taxi.load.doctor import examine

if TYPE_CHECKING:
    from argparse import Namespace

    from nyc_taxi.load.warehouse import Finding


@suppress_logs_and_warning
def doctor(args: Namespace) -> None:
    """Print one row per finding, after removing leftovers if asked to.

    :raises TaxiError: when a finding needs a person
    """
    findings = [*examine(chosen_warehouse(args), clean=args.clean), *deployment.findings()]
    rows = [_row(finding, in_full=args.output != "table") for finding in findings]
    print_rows(rows, args.output, nothing="No leftovers, and every month has the rows that the ledger says.")
    if left := [finding for finding in findings if finding.to_do]:
        total = counted(len(findings), "finding")
        raise TaxiError(f"{len(left)} of {total} left to do; the column to_do says what.")


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
