"""``airflow taxi doctor``: what keeps months from being loaded, leftovers, and contradictions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi import checkup, deployment
from nyc_taxi.cli.output import print_rows
from nyc_taxi.core.numerals import counted
from nyc_taxi.errors import TaxiError
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.load.doctor import examine
from nyc_taxi.options import configured_targets
from nyc_taxi.targets import get_target

if TYPE_CHECKING:
    from argparse import Namespace

    from nyc_taxi.load.warehouse import Finding
    from nyc_taxi.targets import Target

_WELL = (
    "No findings: sources and warehouse answer, and every month has the rows that the ledger says. "
    "Nothing keeps the DAGs from running."
)


@suppress_logs_and_warning
def doctor(args: Namespace) -> None:
    """Print one row per finding, after removing leftovers if asked to.

    Every check is made, whatever the others find.

    :raises TaxiError: when a finding needs a person
    """
    targets = [get_target(args.target)] if args.target else [*configured_targets()]
    if args.conn_id:
        targets = targets[:1]
    findings: list[Finding] = []
    for target in targets:
        examined = partial(_examined, target, args.conn_id, clean=args.clean)
        findings += checkup.attempted("warehouse", args.conn_id or target.conn_id, examined)
    findings += [*checkup.findings(targets), *deployment.findings()]
    rows = [_row(finding, in_full=args.output != "table") for finding in findings]
    print_rows(rows, args.output, nothing=_WELL)
    if left := [finding for finding in findings if finding.to_do]:
        total = counted(len(findings), "finding")
        raise TaxiError(f"{len(left)} of {total} left to do; the column to_do says what.")


def _examined(target: Target, conn_id: str | None, *, clean: bool) -> list[Finding]:
    store = warehouse(target, conn_id)
    store.check()
    return examine(store, clean=clean)


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
