"""A process that loads a month and stops where it is told to, so that a test can kill it there.

``python -m tests.postgres.loading URI FILE STEP`` prints the step and then waits for ever. Without a
step it goes on until it is done, or until the warehouse makes it wait.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from nyc_taxi.postgres.audit import audit_month
from nyc_taxi.postgres.publish import publish_month
from nyc_taxi.postgres.stage import stage_month
from nyc_taxi.postgres.warehouse import Warehouse
from tests.postgres.trips import fetch, published

if TYPE_CHECKING:
    from nyc_taxi.core.download import File
    from nyc_taxi.core.publication import Publication


def main(uri: str, file: str, stop_at: str = "") -> None:
    def reach(step: str) -> None:
        if step == stop_at:
            sys.stdout.write(f"{step}\n")
            sys.stdout.flush()
            time.sleep(600)

    def watched(publication: Publication, folder: Path) -> File:
        reach("download")
        return fetch(publication, folder)

    warehouse = Warehouse(lambda: psycopg.connect(uri), "taxi_warehouse")
    staged = stage_month(
        warehouse,
        published(Path(file)),
        fetch=watched,
        run_id="killed",
        progress=lambda step, done, total: reach(step),
    )
    reach("staged")
    audit_month(warehouse, staged.attempt)
    reach("audited")
    publish_month(warehouse, staged.attempt)
    reach("published")


if __name__ == "__main__":
    main(*sys.argv[1:])
