"""What crashes left in a warehouse, and where its rows and its ledger differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.load.warehouse import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nyc_taxi.core.month import Month
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.warehouse import Warehouse


def examine(warehouse: Warehouse, *, clean: bool = False) -> list[Finding]:
    """Examine a whole warehouse; nothing that a live process owns is touched.

    :param clean: whether to remove the leftovers of dead processes, as far as nobody reads them
    :returns: the findings; those that have something in ``to_do`` remain
    """
    warehouse.prepare()
    findings = warehouse.findings(clean=clean)
    for dataset in dataset_names():
        findings += _differences(warehouse, dataset)
    return findings


def _differences(warehouse: Warehouse, dataset: str) -> Iterator[Finding]:
    """Find months that hold another number of rows than the ledger says.

    A month that is published or unloaded meanwhile is not judged.
    """
    before = _published(warehouse, dataset)
    counts = warehouse.counts(dataset)
    after = _published(warehouse, dataset)
    for month in sorted({*before, *counts, *after}):
        attempt = before.get(month)
        expected = attempt.rows_loaded or 0 if attempt else 0
        found = counts.get(month, 0)
        if attempt == after.get(month) and found != expected:
            yield Finding(
                "rows",
                f"{dataset} {month}",
                None,
                None,
                f"The month has {found:,} rows, and the ledger says {expected:,}. Load it again: airflow "
                f"taxi load {dataset} {month}. Or remove it: airflow taxi unload {dataset} {month}.",
            )


def _published(warehouse: Warehouse, dataset: str) -> dict[Month, Attempt]:
    return {attempt.month: attempt for attempt in warehouse.ledger.published(dataset)}
