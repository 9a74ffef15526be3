"""A process that loads a month and stops at a given step, so that a test can kill it there."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.stage import stage_month
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.trips import fetch, published

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["pytest", "nyc_taxi.postgres.stage", __name__])


@contextmanager
def loading(uri: str, path: Path, stop_at: str = "") -> Iterator[BaseProcess]:
    """Run a child that loads a file until it stops at a step, and kill it in the end.

    Without a step it ends when it is done, or waits for the warehouse.
    """
    reached, reaches = _FORKED.Pipe(duplex=False)
    child = _FORKED.Process(target=_load, args=(uri, str(path), stop_at, reaches))
    child.start()
    reaches.close()
    try:
        if stop_at:
            assert reached.recv() == stop_at
        yield child
    finally:
        child.kill()
        child.join()


def _load(uri: str, file: str, stop_at: str, reaches: Connection) -> None:
    tempfile.tempdir = str(Path(file).parent)  # a killed child leaves its download behind

    def reach(step: str) -> None:
        if step == stop_at:
            reaches.send(step)
            time.sleep(600)

    def watched(publication: Publication, folder: Path) -> File:
        reach("download")
        return fetch(publication, folder)

    publication = published(Path(file))
    warehouse = PostgresWarehouse(lambda: psycopg.connect(uri), "postgres_taxi")
    staged = stage_month(
        warehouse,
        publication,
        fetch=watched,
        run_id="killed",
        progress=lambda step, done, total: reach(step),
    )
    reach("staged")
    audit_month(warehouse, staged.key)
    reach("audited")
    warehouse.publish(staged.key)
    reach("published")
