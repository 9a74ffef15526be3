"""A process that loads a month and stops where it is told to, so that a test can kill it there.

``python -m tests.postgres.loading URI FILE STEP`` prints the step and then waits for ever. Without a
step it goes on until it is done, or until the warehouse makes it wait. The file may also be the base
address of a web server, which is asked for the month.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from nyc_taxi.files.download import download
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.stage import stage_month
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.trips import MONTH, fetch, published

if TYPE_CHECKING:
    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication


def main(uri: str, file: str, stop_at: str = "") -> None:
    def reach(step: str) -> None:
        if step == stop_at:
            sys.stdout.write(f"{step}\n")
            sys.stdout.flush()
            time.sleep(600)

    on_the_web = file.startswith("http:")
    publication = SourceList.parse(file).ask("green", MONTH) if on_the_web else published(Path(file))

    def watched(publication: Publication, folder: Path) -> File:
        reach("download")
        done = download(publication, folder) if on_the_web else fetch(publication, folder)
        reach("downloaded")
        return done

    warehouse = PostgresWarehouse(lambda: psycopg.connect(uri), "postgres_taxi")
    staged = stage_month(
        warehouse,
        publication,
        fetch=watched,
        run_id="killed",
        progress=lambda step, done, total: reach(step),
    )
    reach("staged")
    audit_month(warehouse, staged.attempt)
    reach("audited")
    warehouse.publish(staged.attempt)
    reach("published")


if __name__ == "__main__":
    main(*sys.argv[1:])
