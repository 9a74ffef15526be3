"""Sample months: made-up trips in TLC's formats, with TLC's dirt, for trying things without a network.

The same arguments give byte-identical files. numpy and pyarrow are imported when files are written,
not when this package is.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month
from nyc_taxi.errors import ContractError, InvalidMonth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nyc_taxi.core.month import MonthRange

SAMPLE_DATASETS = ("yellow", "green", "fhv", "fhvhv")
"""The datasets that sample months can be made of."""

USUAL_DATASETS = SAMPLE_DATASETS[:3]
"""Those of the demo, made when none is named; real months of fhvhv are larger than those of all others."""

FIRST_SAMPLE_MONTH = Month("2019-01")
"""The first month whose format the samples follow: earlier files have other columns."""


def write_sample(
    months: MonthRange,
    rows: int,
    to: Path,
    datasets: Sequence[str] = USUAL_DATASETS,
    progress: Callable[[Path, int], None] | None = None,
    *,
    edition: int = 1,
) -> list[Path]:
    """Write sample months and the zone lookup in the layout of the DataTalksClub mirror.

    The files are ``{to}/{dataset}/{dataset}_tripdata_{month}.csv.gz`` and
    ``{to}/misc/taxi_zone_lookup.csv``. Each appears under its name when it is complete, so that a
    server of the folder never serves half a file.

    :param months: the months, with an end, none before 2019-01, or 2019-02 for fhvhv
    :param rows: data rows in every month's file, exactly; at least 1
    :param to: the folder, made when missing; files of the same names are replaced
    :param datasets: which datasets to write
    :param progress: called with a finished month's path and its rows, in no particular order
    :param edition: which edition of the months to write: another number gives other trips, as when
        TLC publishes a month again
    :return: the paths written: months by dataset, then the zone lookup
    :raises InvalidMonth: when the range has no end or starts before 2019-01
    :raises ContractError: for a dataset that samples cannot be made of
    :raises ValueError: when rows or edition is below 1
    """
    if rows < 1 or edition < 1:
        raise ValueError(f"A sample month has at least 1 row and edition 1, not {rows} and {edition}.")
    if months.last is None or months.first < FIRST_SAMPLE_MONTH:
        raise InvalidMonth(
            f"Sample months cannot be made for {months}: give a range with an end, from "
            f"{FIRST_SAMPLE_MONTH} on, for example 2021-01..2021-03. Earlier files have other columns."
        )
    for dataset in datasets:
        if dataset not in SAMPLE_DATASETS:
            raise ContractError(
                f"There is no sample of {dataset!r}. Choose from {', '.join(SAMPLE_DATASETS)}."
            )
        if months.first < (first := get_dataset(dataset).first_month):
            raise InvalidMonth(f"The first month of {dataset} is {first}. Begin with that month.")

    from nyc_taxi.samples.file import write_lookup, write_month

    def write(dataset: str, month: Month) -> Path:
        path = to / dataset / f"{dataset}_tripdata_{month}.csv.gz"
        write_month(path, dataset, month, rows, edition)
        if progress is not None:
            progress(path, rows)
        return path

    # Threads are enough: nearly all the time goes into numpy, pyarrow and zlib, which release the GIL.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        written = [pool.submit(write, dataset, month) for dataset in datasets for month in months]
        try:
            paths = [file.result() for file in written]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    lookup = to / "misc" / "taxi_zone_lookup.csv"
    write_lookup(lookup)
    return [*paths, lookup]
