"""A source whose months are published again and again, and what a load of each version alone gives."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.load import load_month
from nyc_taxi.samples import write_sample

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from nyc_taxi.postgres.warehouse import PostgresWarehouse
    from tests.file_server import FileServer

FIRST = datetime(2021, 6, 1, tzinfo=UTC)
DATASETS = ("green", "yellow")
CONTENT = " union all ".join(
    f"""
    select '{dataset}', to_char(file_month, 'YYYY-MM'), count(*), sum(hashtextextended(trip::text, 0))
    from raw.{dataset}_tripdata as trip
    group by file_month
    """
    for dataset in DATASETS
)

Key = tuple[str, Month]
Rows = tuple[int, int]
"""How many rows a month has, and a hash of all that is in them."""


def content(connection: psycopg.Connection) -> dict[Key, Rows]:
    """Return what a reader sees of every month, in one statement."""
    found = connection.execute(CONTENT).fetchall()
    return {(dataset, Month(month)): (rows, int(hashed)) for dataset, month, rows, hashed in found}


@dataclass(slots=True)
class Shelf:
    """The months of a file server, with the content that a serial load of each version has.

    :param server: where they are published
    :param alone: a warehouse in which every version is loaded, one after another
    :param folder: where the files are made
    """

    server: FileServer
    alone: PostgresWarehouse
    folder: Path
    versions: dict[Key, list[Rows]] = field(default_factory=dict)
    """What each version of a month holds, oldest first."""
    _published: int = 0
    _one_publisher: threading.Lock = field(default_factory=threading.Lock)

    @property
    def sources(self) -> SourceList:
        """The source as the connection would name it."""
        return SourceList.parse(self.server.url)

    def publish(self, key: Key) -> None:
        """Publish a month, or publish it anew with other trips."""
        dataset, month = key
        with self._one_publisher:
            known = self.versions.setdefault(key, [])
            edition = len(known) + 1
            write_sample(
                MonthRange(month, month), 200 + 10 * edition, self.folder, (dataset,), edition=edition
            )
            load_month(self.alone, SourceList.parse(str(self.folder)), dataset, month, run_id="alone")
            with self.alone.sessions() as connection:
                known.append(content(connection)[key])
            self._serve(key)

    def touch(self, key: Key) -> None:
        """Publish the same bytes anew, with another time of change and another entity tag."""
        with self._one_publisher:
            self._serve(key)

    def _serve(self, key: Key) -> None:
        dataset, month = key
        path = f"{dataset}/{dataset}_tripdata_{month}.csv.gz"
        self._published += 1
        modified = FIRST + timedelta(minutes=self._published)
        body = (self.folder / path).read_bytes()
        self.server.put(path, body, etag=f'"{self._published}"', last_modified=modified)
