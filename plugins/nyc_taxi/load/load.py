"""Loading a month in the foreground: the three steps that a run's tasks take, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.files.download import download
from nyc_taxi.postgres import ledger
from nyc_taxi.postgres.audit import audit_month
from nyc_taxi.postgres.publish import publish_month
from nyc_taxi.postgres.stage import stage_month

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nyc_taxi.core.month import Month
    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.files.source import SourceList
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.postgres.warehouse import Warehouse


def load_month(
    warehouse: Warehouse,
    sources: SourceList,
    dataset: str,
    month: Month,
    *,
    run_id: str,
    force: bool = False,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> Attempt:
    """Stage, audit and publish a month; an unchanged one costs one question to the source.

    Nothing is retried. A step that fails leaves what readers see as it was.

    :param run_id: who asks, for the ledger
    :param force: load the file even if the month holds it already
    :param progress: called with ``download`` or ``copy``, the bytes done, and their total if it is known
    :returns: the attempt whose rows the month holds, or the one that was *superseded*
    :raises NotPublishedYet: when the source does not serve the month so far
    :raises NeverInSource: when no source ever will
    :raises TaxiError: whatever else keeps the month from being loaded
    """
    publication = sources.ask(dataset, month).require()

    def fetch(publication: Publication, folder: Path) -> File:
        def report(done: int, total: int | None) -> None:
            if progress is not None:
                progress("download", done, total)

        return download(publication, folder, keep=True, progress=report)

    staged = stage_month(warehouse, publication, fetch=fetch, run_id=run_id, force=force, progress=progress)
    if staged.unchanged:
        with warehouse.session("read the ledger") as connection:
            return ledger.get(connection, staged.attempt)
    audit_month(warehouse, staged.attempt)
    return publish_month(warehouse, staged.attempt)
