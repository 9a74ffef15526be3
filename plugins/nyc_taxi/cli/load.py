"""``airflow taxi load``: load months in the foreground, without a scheduler."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.utils.cli import suppress_logs_and_warning

from nyc_taxi.cli.command import remark, say
from nyc_taxi.cli.progress import steps
from nyc_taxi.cli.target import chosen_warehouse
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import MonthRange
from nyc_taxi.core.numerals import counted
from nyc_taxi.errors import InvalidSource, TaxiError
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.hooks.tlc import NycTlcHook
from nyc_taxi.load.load import load_month

if TYPE_CHECKING:
    from argparse import Namespace

    from nyc_taxi.core.month import Month
    from nyc_taxi.load.attempt import Attempt


@suppress_logs_and_warning
def load(args: Namespace) -> None:
    """Load months one after another, and print what happened to each.

    The first month that fails ends the command, because what stops one month usually stops the next. The
    same command resumes there: a loaded month costs one request.
    """
    dataset = get_dataset(args.dataset).name
    sources = _sources(args.source) if args.source else NycTlcHook(args.tlc_conn_id).sources()
    warehouse = chosen_warehouse(args)
    run_id = f"cli__{datetime.now(UTC).isoformat(timespec='milliseconds')}"
    for month in args.month:
        try:
            with steps(f"{dataset} {month}") as show:
                attempt = load_month(
                    warehouse, sources, dataset, month, run_id=run_id, force=args.force, progress=show
                )
        except (TaxiError, KeyboardInterrupt):
            _summarise(dataset, args.month, month)
            raise
        say(f"{dataset} {month}: {_outcome(attempt, run_id)}")
        if attempt.run_id == run_id:
            for check in warehouse.ledger.checks(attempt.key).get("load", ()):
                if check.outcome == "warn":
                    remark(f"{dataset} {month}: {check.message}")


def _sources(text: str) -> SourceList:
    """Return the sources that an argument names; a folder may be relative or begin with ~."""
    try:
        return SourceList.parse(text)
    except InvalidSource:
        with suppress(OSError, RuntimeError, ValueError):  # from a text that cannot be a path
            folder = Path(text).expanduser()
            if folder.is_dir():
                return SourceList.parse(str(folder.resolve()))
        raise


def _outcome(attempt: Attempt, run_id: str) -> str:
    if attempt.run_id != run_id:
        rows = counted(attempt.rows_loaded or 0, "row")
        return f"unchanged, {rows} loaded on {attempt.finished:%Y-%m-%d %H:%M} UTC"
    return (
        f"{attempt.outcome}, {counted(attempt.rows_in_file or 0, 'row')} in the file, "
        f"{attempt.rows_loaded:,} loaded, {attempt.rows_rejected:,} rejected, {attempt.seconds:.1f} s"
    )


def _summarise(dataset: str, months: MonthRange, failed: Month) -> None:
    """Say which of several months are loaded, and which were not tried."""
    if failed > months.first:
        remark(f"{dataset} {MonthRange(months.first, failed.plus(-1))}: loaded.")
    remark(f"{dataset} {failed}: not loaded; its rows in the warehouse are unchanged.")
    if failed != months.last:
        remark(f"{dataset} {MonthRange(failed.next(), months.last)}: not tried.")
