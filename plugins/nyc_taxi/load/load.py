"""Loading a month in the foreground: the steps that a run's tasks take, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.files.download import download
from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.stage import stage_month

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.core.month import Month
    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.files.source_list import SourceList
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.warehouse import Progress, Warehouse


def load_month(
    warehouse: Warehouse,
    sources: SourceList,
    dataset: str,
    month: Month,
    *,
    run_id: str,
    force: bool = False,
    progress: Progress | None = None,
) -> Attempt:
    """Stage, audit and publish a month; an unchanged one costs one request to the source.

    Nothing is retried. A step that fails leaves what readers see unchanged.

    :param run_id: the run that loads the month, for the ledger
    :param force: load the file even if the month holds it already, or holds far more rows
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

        return download(publication, folder, credentials=sources.credentials, progress=report)

    staged = stage_month(warehouse, publication, fetch=fetch, run_id=run_id, force=force, progress=progress)
    if staged.unchanged:
        return warehouse.ledger.get(staged.key)
    audit_month(warehouse, staged.key, force=force)
    return warehouse.publish(staged.key)
