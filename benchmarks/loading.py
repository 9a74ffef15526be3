"""A month loaded by the product, and by psql alone."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict

from benchmarks.place import BenchmarkFailed
from nyc_taxi.files.download import download
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.stage import stage_month
from nyc_taxi.postgres.warehouse import PostgresWarehouse

if TYPE_CHECKING:
    from local.postgres import EmbeddedPostgres
    from nyc_taxi.core.month import Month
    from nyc_taxi.files.source_list import SourceList
    from nyc_taxi.load.warehouse import Warehouse

_LIBPQ = {
    "PGHOST": "host",
    "PGPORT": "port",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGDATABASE": "dbname",
}


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long a load took, from the request to the source.

    :param committed: to the last statement of the transaction that makes the month visible
    :param complete: to the end, the statistics included
    """

    committed: float
    complete: float


def warehouse(uri: str, streams: int | None = None) -> PostgresWarehouse:
    """Return the warehouse in a database, with its tables.

    :param streams: over how many connections a file is copied; as the product decides when None
    """
    found = PostgresWarehouse(lambda: psycopg.connect(uri), "benchmark", streams)
    found.prepare()
    return found


def load(store: Warehouse, sources: SourceList, dataset: str, month: Month) -> Seconds:
    """Load a month whose file the warehouse does not hold, by the three steps that a run takes.

    :raises BenchmarkFailed: when the file is not there, or was loaded before
    """
    begun, clock = time.monotonic(), time.time()
    staged = stage_month(store, sources.ask(dataset, month), fetch=download, run_id="benchmark")
    if staged.unchanged:
        raise BenchmarkFailed(f"{dataset} {month} was loaded before it was to be measured.")
    audit_month(store, staged.key)
    published = store.publish(staged.key)
    complete = time.monotonic() - begun
    if published.outcome is not Outcome.PUBLISHED or published.finished is None:
        raise BenchmarkFailed(f"{published} is {published.outcome}, not published.")
    # The database's clock is this machine's; after the commit come the statistics.
    return Seconds(published.finished.timestamp() - clock, complete)


def unpack(file: Path, to: IO[bytes]) -> None:
    """Write what ``gunzip`` makes of a file.

    :raises BenchmarkFailed: when it fails
    """
    if subprocess.run(("gunzip", "-c", str(file)), stdout=to, check=False).returncode:
        raise BenchmarkFailed(f"gunzip of {file} failed; the reason is above.")


def copy_with_psql(server: EmbeddedPostgres, uri: str, content: IO[bytes], into: str) -> None:
    """Copy CSV into a table by the command of ``psql`` for it.

    :param uri: of a database of that server
    :param content: the CSV, led by a header
    :param into: the table, with a list of columns if the content does not have them all
    :raises BenchmarkFailed: when psql fails
    """
    to = conninfo_to_dict(uri)
    environment = {**os.environ, **{variable: str(to[name]) for variable, name in _LIBPQ.items()}}
    psql = (str(server.psql()), "-Xqv", "ON_ERROR_STOP=1", "-c", rf"\copy {into} from stdin csv header")
    if subprocess.run(psql, stdin=content, env=environment, check=False).returncode:
        raise BenchmarkFailed(f"psql could not copy into {into}; the reason is above.")


def seconds_of_psql(server: EmbeddedPostgres, uri: str, file: Path, into: str) -> float:
    """Return the seconds that ``gunzip | psql`` takes to copy a csv.gz file into a table.

    :raises BenchmarkFailed: when either fails
    """
    begun = time.monotonic()
    with subprocess.Popen(("gunzip", "-c", str(file)), stdout=subprocess.PIPE) as gunzip:
        if gunzip.stdout is not None:
            copy_with_psql(server, uri, gunzip.stdout, into)
    if gunzip.returncode:
        raise BenchmarkFailed(f"gunzip of {file} failed; the reason is above.")
    return time.monotonic() - begun


def sql_of(name: str) -> bytes:
    """Return the statement in ``sql/<name>.sql``."""
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_bytes()
