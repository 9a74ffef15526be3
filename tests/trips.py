"""Small green files, and the three steps that load them."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from nyc_taxi.core.month import Month
from nyc_taxi.files.download import File
from nyc_taxi.files.publication import Publication, State
from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.stage import Staged, stage_month

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from nyc_taxi.files.batch import RejectedRow
    from nyc_taxi.load.attempt import Attempt, Key
    from nyc_taxi.load.warehouse import Warehouse

MONTH = Month("2021-01")
NEXT = Month("2021-02")

GREEN = (
    "VendorID,lpep_pickup_datetime,lpep_dropoff_datetime,store_and_fwd_flag,RatecodeID,PULocationID,"
    "DOLocationID,passenger_count,trip_distance,fare_amount,extra,mta_tax,tip_amount,tolls_amount,"
    "ehail_fee,improvement_surcharge,total_amount,payment_type,trip_type,congestion_surcharge"
)


def row(number: int, month: Month = MONTH, fare: float = 10.5) -> str:
    """Return one line of a green file, without its line end."""
    day = number % 27 + 1
    return (
        f"2,{month}-{day:02d} 10:{number % 60:02d}:00,{month}-{day:02d} 11:00:00,N,1,{number % 263 + 1},42,"
        f"1,{number % 97 / 10},{fare},0.5,0.5,1,0,,0.3,12.8,1,1,"
    )


def lines(rows: int, month: Month = MONTH, fare: float = 10.5) -> list[str]:
    return [GREEN, *(row(number, month, fare) for number in range(rows))]


def text(rows: list[str], line_end: str = "\n") -> bytes:
    return "".join(f"{line}{line_end}" for line in rows).encode()


def green(folder: Path, rows: int = 100, month: Month = MONTH, fare: float = 10.5) -> Path:
    """Write a green month as the mirror does, and return its path."""
    return write(folder, text(lines(rows, month, fare)), f"green_tripdata_{month}.csv.gz")


def write(folder: Path, content: bytes, name: str = "green_tripdata_2021-01.csv") -> Path:
    """Write a file, compressed when its name says so."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(gzip.compress(content, 6, mtime=0) if name.endswith(".gz") else content)
    return path


def published(
    path: Path, *, dataset: str = "green", month: Month = MONTH, modified: datetime | None = None
) -> Publication:
    """Return what a source would say about a file: its size and time of change are its marks."""
    stat = path.stat()
    return Publication(
        dataset=dataset,
        month=month,
        state=State.PUBLISHED,
        source="test",
        url=path.resolve().as_uri(),
        asked_at=datetime.now(UTC),
        last_modified=modified or datetime.fromtimestamp(stat.st_mtime, UTC),
        bytes=stat.st_size,
    )


def fetch(publication: Publication, folder: Path) -> File:
    """Take a copy of a published file."""
    source = Path(unquote(urlsplit(publication.url).path))
    path = Path(shutil.copy(source, folder))
    content = path.read_bytes()
    return File(
        path=path,
        url=publication.url,
        etag=publication.etag,
        last_modified=publication.last_modified,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def stage(
    warehouse: Warehouse,
    publication: Publication,
    *,
    force: bool = False,
    fetch: Callable[[Publication, Path], File] = fetch,
) -> Staged:
    return stage_month(warehouse, publication, fetch=fetch, run_id="test", force=force)


def staged_and_audited(warehouse: Warehouse, publication: Publication, *, force: bool = False) -> Key:
    """Stage and audit a file, and return the attempt that waits to be published."""
    key = stage(warehouse, publication, force=force).key
    audit_month(warehouse, key, force=force)
    return key


def load(warehouse: Warehouse, publication: Publication, *, force: bool = False) -> Attempt:
    """Take the three steps."""
    staged = stage(warehouse, publication, force=force)
    if staged.unchanged:
        return warehouse.ledger.get(staged.key)
    audit_month(warehouse, staged.key, force=force)
    return warehouse.publish(staged.key)


def refused(warehouse: Warehouse, limit: int | None = None) -> list[RejectedRow]:
    """Return the rejected rows of the newest attempt at the month that has any."""
    attempt = warehouse.ledger.rejecting("green", MONTH)
    return list(warehouse.ledger.rejects(attempt, limit)) if attempt else []


CONTENT = """
select file_month::text, count(*), md5(string_agg(trip::text, '' order by row_number))
from raw.green_tripdata as trip
group by file_month
order by file_month
"""


def content(connection: psycopg.Connection) -> list[tuple[str, int, str]]:
    """Return month, rows and a hash of everything in them, as a reader sees the green table."""
    return connection.execute(CONTENT).fetchall()


def counts(connection: psycopg.Connection) -> dict[str, int]:
    return {month: rows for month, rows, _ in content(connection)}


def leftovers(connection: psycopg.Connection) -> list[str]:
    """Return what is in the schema stage."""
    found = connection.execute(
        "select relname from pg_class where relnamespace = 'stage'::regnamespace and relkind in ('r', 'S')"
    )
    return sorted(name for (name,) in found)
