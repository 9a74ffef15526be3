"""``airflow taxi load``: months into the warehouse, in the foreground and without a scheduler."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.command import remark, say
from nyc_taxi.cli.progress import steps
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import MonthRange
from nyc_taxi.errors import InvalidSource, TaxiError
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.hooks.tlc import NycTlcHook
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.load.load import load_month

if TYPE_CHECKING:
    from argparse import Namespace

    from nyc_taxi.core.month import Month
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.warehouse import Warehouse


@suppress_logs_and_warning
def load(args: Namespace) -> None:
    """Load months one after another, and say of each what happened.

    The first month that fails ends it: what keeps one month out, such as a warehouse that does not
    answer or a source that has no later months, mostly keeps out the next one too. The months before
    it stay, and the same command goes on where it stopped, as loaded months cost one question each.
    """
    dataset = get_dataset(args.dataset).name
    sources = _sources(args.source) if args.source else NycTlcHook(args.tlc_conn_id).sources()
    target = warehouse("postgres", args.conn_id)
    run_id = f"cli__{datetime.now(UTC).isoformat(timespec='milliseconds')}"
    for month in args.month:
        try:
            with steps(f"{dataset} {month}") as show:
                attempt = load_month(
                    target, sources, dataset, month, run_id=run_id, force=args.force, progress=show
                )
        except (TaxiError, KeyboardInterrupt):
            _summarise(dataset, args.month, month)
            raise
        say(f"{dataset} {month}: {_outcome(attempt, run_id)}")
        if attempt.run_id == run_id:
            _warn(target, attempt)


def _sources(text: str) -> SourceList:
    """Return the sources that an argument names; a folder may be written as the shell knows it."""
    try:
        return SourceList.parse(text)
    except InvalidSource:
        with suppress(OSError, RuntimeError, ValueError):  # of a text that cannot be a path
            folder = Path(text).expanduser()
            if folder.is_dir():
                return SourceList.parse(str(folder.resolve()))
        raise


def _outcome(attempt: Attempt, run_id: str) -> str:
    if attempt.run_id != run_id:
        return f"unchanged, {attempt.rows_loaded:,} rows loaded on {attempt.finished:%Y-%m-%d %H:%M} UTC"
    return (
        f"{attempt.outcome}, {attempt.rows_in_file:,} rows in the file, {attempt.rows_loaded:,} loaded, "
        f"{attempt.rows_rejected:,} rejected, {attempt.seconds:.1f} s"
    )


def _warn(target: Warehouse, attempt: Attempt) -> None:
    """Repeat what the audit of an attempt warned of."""
    for check in target.ledger.checks(attempt.id).get("load", ()):
        if check.outcome == "warn":
            remark(f"  {check.message}")


def _summarise(dataset: str, months: MonthRange, failed: Month) -> None:
    """Say which months of several are loaded and which have not been tried."""
    if failed > months.first:
        remark(f"{dataset} {MonthRange(months.first, failed.plus(-1))}: done, and stays.")
    remark(f"{dataset} {failed}: not loaded; what the warehouse held for it is unchanged.")
    if failed != months.last:
        remark(f"{dataset} {MonthRange(failed.next(), months.last)}: not tried.")
