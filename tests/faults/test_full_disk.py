"""A disk runs full, the warehouse's or the loader's: the month stays as it was, and can be loaded later."""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import local.postgres
from local.postgres import EmbeddedPostgres
from nyc_taxi.errors import TransientError, WarehouseUnreachable
from nyc_taxi.files.download import download
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.stage import stage_month
from nyc_taxi.postgres import attempts
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.faults.small_disk import small_disk
from tests.file_server import Reply
from tests.trips import (
    GREEN,
    MONTH,
    content,
    green,
    leftovers,
    lines,
    load,
    published,
    stage,
    staged_and_audited,
    text,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.file_server import FileServer

ROWS = 20_000
"""Rows of a month that needs three megabytes."""
FULL = r"w ran out of resources: could not extend file .*No space left on device.*free some, then run"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server with an additional small disk."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), port, (("fsync", "off"),))
    complete = local.postgres._complete
    # Not in a folder of pytest's, which are closed: Postgres asks access(), and that knows no capability.
    with tempfile.TemporaryDirectory(prefix="nyc-taxi-disk-") as disk, pytest.MonkeyPatch.context() as patch:
        words = small_disk(Path(disk), "40m", for_postgres=True)

        def on_small_disk(*command: str) -> subprocess.CompletedProcess[str]:
            return complete(*words, *command) if "start" in command else complete(*command)

        patch.setattr(local.postgres, "_complete", on_small_disk)
        server.start()
        with psycopg.connect(server.uri("postgres"), autocommit=True) as connection:
            connection.execute(f"create tablespace small location '{disk}'")
        yield server
        server.stop("immediate")


@pytest.fixture
def small_uri(server: EmbeddedPostgres) -> Iterator[str]:
    """URI of a warehouse on the small disk."""
    with psycopg.connect(server.uri("postgres"), autocommit=True) as connection:
        connection.execute("create database small_warehouse tablespace small")
        yield server.uri("small_warehouse")
        connection.execute("drop database small_warehouse with (force)")


@pytest.fixture
def small(small_uri: str) -> PostgresWarehouse:
    """A warehouse on the small disk."""
    warehouse = PostgresWarehouse(lambda: psycopg.connect(small_uri), "w")
    warehouse.prepare()
    return warehouse


@pytest.fixture
def person(small: PostgresWarehouse, small_uri: str) -> Iterator[psycopg.Connection]:
    """A person's connection to the warehouse on the small disk."""
    with psycopg.connect(small_uri, autocommit=True) as connection:
        yield connection


def fill(person: psycopg.Connection, *, but: int) -> None:
    """Fill the disk but for some bytes."""
    person.execute("create table public.cushion (filler text) with (autovacuum_enabled = off)")
    person.execute("create table public.filler (filler text) with (autovacuum_enabled = off)")
    more = "insert into {} select repeat('x', 1000) from generate_series(1, {})"
    person.execute(more.format("public.cushion", but // 1100).encode())
    for rows in (2_000, 100, 7):
        with suppress(psycopg.errors.DiskFull):
            while True:
                person.execute(more.format("public.filler", rows).encode())
    person.execute("drop table public.cushion")


@pytest.fixture
def expected(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> list[tuple[str, int, str]]:
    """What the month holds when nothing goes wrong."""
    load(taxi_warehouse, published(green(tmp_path, ROWS)))
    return content(reader)


@pytest.mark.parametrize(
    ("room", "streams", "dirty"),
    [(1_000_000, 2, False), (0, 2, False), (1_000_000, 1, True)],
)
def test_disk_of_the_warehouse_runs_full_while_a_month_is_staged(
    small: PostgresWarehouse,
    person: psycopg.Connection,
    expected: list[tuple[str, int, str]],
    tmp_path: Path,
    room: int,
    streams: int,
    dirty: bool,
) -> None:
    load(small, published(green(tmp_path / "before", 50)))
    before = content(person)
    rows = [*lines(ROWS), *(["cut"] if dirty else [])]
    file = published(write(tmp_path / "dirty", text(rows), f"green_tripdata_{MONTH}.csv.gz"))
    fill(person, but=room)
    with pytest.raises(WarehouseUnreachable, match=FULL) as caught:
        stage(replace(small, streams=streams), file)
    assert "\n" not in str(caught.value)
    assert content(person) == before
    assert leftovers(person) == []
    person.execute("drop table public.filler")
    assert load(small, file).outcome is Outcome.PUBLISHED
    assert content(person) == expected
    assert leftovers(person) == []
    assert unfinished(small) == []


def test_disk_of_the_warehouse_runs_full_while_a_month_is_published(
    small: PostgresWarehouse, person: psycopg.Connection, expected: list[tuple[str, int, str]], tmp_path: Path
) -> None:
    load(small, published(green(tmp_path / "before", 50)))
    person.execute("create index on raw.green_tripdata_2021_01 (row_number)")  # so that the rows are copied
    before = content(person)
    attempt = staged_and_audited(small, published(green(tmp_path, ROWS)))
    fill(person, but=1_000_000)
    for _ in range(2):
        with pytest.raises(WarehouseUnreachable, match=FULL):
            small.publish(attempt)
        assert content(person) == before
        assert len(leftovers(person)) == 1
    person.execute("drop table public.filler")
    assert small.publish(attempt).outcome is Outcome.PUBLISHED
    assert content(person) == expected
    assert leftovers(person) == []


def test_new_month_is_published_on_a_full_disk(
    small: PostgresWarehouse, person: psycopg.Connection, expected: list[tuple[str, int, str]], tmp_path: Path
) -> None:
    """Attaching needs next to no room."""
    attempt = staged_and_audited(small, published(green(tmp_path, ROWS)))
    fill(person, but=150_000)
    assert small.publish(attempt).outcome is Outcome.PUBLISHED
    person.execute("drop table public.filler")  # sorting the rows needs room
    assert content(person) == expected


LOADING = """
import sys
from pathlib import Path
import psycopg
from nyc_taxi.files.download import download
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.errors import TransientError
from nyc_taxi.load.stage import stage_month
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.trips import MONTH
uri, source = sys.argv[1:]
try:
    publication = SourceList.parse(source).ask("green", MONTH)
    warehouse = PostgresWarehouse(lambda: psycopg.connect(uri), "w")
    stage_month(warehouse, publication, fetch=download, run_id="full")
except TransientError as error:
    print(type(error).__name__, error)
"""


def test_disk_of_the_loader_runs_full_during_the_download(
    warehouse_uri: str,
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    file_server: FileServer,
    expected: list[tuple[str, int, str]],
    tmp_path: Path,
) -> None:
    """The file's length is not announced, so that nothing can tell before that there is no room."""
    body = gzip.compress(text(lines(ROWS)), 0)
    path = "green/green_tripdata_2021-01.csv.gz"
    file_server.answer(path, Reply(body, chunked=True))
    disk = tmp_path / "disk"
    disk.mkdir()
    command = (sys.executable, "-c", LOADING, warehouse_uri, file_server.url)
    child = subprocess.run(
        [*small_disk(disk, str(len(body) // 2)), *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), "TMPDIR": str(disk)},
    )
    said = f"TransientError {file_server.url}/{path} does not fit in {disk}"
    assert child.stdout.startswith(said), child.stderr
    last = "select outcome, reason from ops.file_ledger order by id desc"
    outcome, reason = reader.execute(last).fetchone() or ("", "")
    assert (outcome, f"TransientError {reason}\n") == ("failed", child.stdout)
    assert content(reader) == expected
    assert leftovers(reader) == []
    publication = SourceList.parse(file_server.url).ask("green", MONTH)
    again = stage_month(taxi_warehouse, publication, fetch=download, run_id="again", force=True)
    audit_month(taxi_warehouse, again.key)
    taxi_warehouse.publish(again.key)
    assert content(reader) == expected


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="NOT TESTED: this system has no disk that is full")
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_disk_of_the_loader_runs_full_with_refused_rows(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    if kind == "csv":
        path = write(tmp_path, text([*lines(ROWS), *["x" * 100_000] * 5]))
    else:
        times, vendors = ["2021-01-05 10:00:00"] * ROWS, [*["1"] * (ROWS - 5), *["x" * 100_000] * 5]
        path = tmp_path / "green_tripdata_2021-01.parquet"
        nulls = dict.fromkeys(GREEN.split(","), pa.nulls(ROWS))
        pq.write_table(pa.table({**nulls, "lpep_pickup_datetime": times, "VendorID": vendors}), path)

    def spool(dir: Path) -> BinaryIO:
        return Path("/dev/full").open("r+b")

    with monkeypatch.context() as full:
        full.setattr("nyc_taxi.postgres.stage.TemporaryFile", spool)
        with pytest.raises(
            TransientError, match=rf"rejected rows of {path.as_uri()} do not fit in .*Free space"
        ):
            stage(taxi_warehouse, published(path))
    assert content(reader) == []
    assert leftovers(reader) == []
    done = load(taxi_warehouse, published(path))
    assert (done.rows_rejected, done.rows_in_file) == (5, ROWS + (5 if kind == "csv" else 0))


def unfinished(warehouse: PostgresWarehouse) -> list[int]:
    with warehouse.sessions() as connection:
        return [attempt.id for attempt in attempts.unfinished(connection, "green", MONTH)]
