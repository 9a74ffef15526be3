"""A process that stages one month, while another watches its memory.

``python -m benchmarks.staging URI SOURCES DATASET MONTH`` sends the source a request, prints ``ready``, and
continues after a line on standard input.
"""

from __future__ import annotations

import sys

from benchmarks.loading import warehouse
from nyc_taxi.core.month import Month
from nyc_taxi.files.download import download
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.stage import stage_month


def main(uri: str, sources: str, dataset: str, month: str) -> None:
    """Stage a month, and print how many rows that were."""
    store = warehouse(uri)
    publication = SourceList.parse(sources).ask(dataset, Month(month))
    print("ready", flush=True)
    sys.stdin.readline()
    staged = stage_month(store, publication, fetch=download, run_id="benchmark")
    print(staged.rows_loaded, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
