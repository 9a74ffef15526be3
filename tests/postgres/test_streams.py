"""Large files go over two connections: the rows, their order and their numbers are as over one."""

from __future__ import annotations

import gzip
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import TruncatedFile
from nyc_taxi.files import old_chunks as chunking
from nyc_taxi.files.old_chunks import chunks
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.postgres import csv_copy
from nyc_taxi.postgres.measure import measure
from tests.postgres.trips import (
    GREEN,
    content,
    leftovers,
    lines,
    load,
    published,
    stage,
    text,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.month import Month
    from nyc_taxi.load.measures import Measures
    from nyc_taxi.load.stage import Staged
    from nyc_taxi.postgres.tables import StageTable
    from nyc_taxi.postgres.warehouse import PostgresWarehouse

ROWS = 40_000
"""As text more than two chunks."""


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut at every block of a megabyte, so that small files have several chunks."""
    monkeypatch.setattr(csv_copy, "chunks", partial(chunks, size=1 << 20))
    monkeypatch.setattr(chunking, "LONGEST", 4 << 20)


def staged(warehouse: PostgresWarehouse, path: Path, streams: int) -> Staged:
    return stage(replace(warehouse, streams=streams), published(path), force=True)


def everything(connection: psycopg.Connection, attempt: int) -> list[tuple[object, ...]]:
    """Return count, row numbers and a hash of a stage table, read in the order of the row numbers."""
    return connection.execute(
        "select count(*), min(row_number), max(row_number), count(distinct row_number), "
        "md5(string_agg(trip::text, '' order by row_number)) "
        f"from stage.green_tripdata_2021_01_{attempt} as trip"
    ).fetchall()


@pytest.mark.parametrize("last_line_ends", [True, False])
def test_two_streams_stage_what_one_stages(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path, last_line_ends: bool
) -> None:
    body = text(lines(ROWS), "\r\n")
    path = write(tmp_path, body if last_line_ends else body.removesuffix(b"\r\n"))
    one, two = (staged(taxi_warehouse, path, streams) for streams in (1, 2))
    assert two.rows_in_file == two.rows_loaded == ROWS
    assert everything(reader, two.attempt) == everything(reader, one.attempt)
    assert everything(reader, one.attempt)[0][:4] == (ROWS, 1, ROWS, ROWS)
    measured = [taxi_warehouse.ledger.get(done.attempt).measures for done in (one, two)]
    assert measured[0] == measured[1]
    assert measured[0] is not None
    assert measured[0]["rows"] == ROWS


def test_both_connections_have_their_share(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    attempt = staged(taxi_warehouse, write(tmp_path, text(lines(2 * ROWS))), 2).attempt
    shares = reader.execute(
        f"select xmin::text, count(*) from stage.green_tripdata_2021_01_{attempt} group by xmin"
    ).fetchall()
    assert len(shares) == 2


def test_quoted_line_ends_are_not_cut(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    header = f"{GREEN},note"
    rows = [f'{line},"several\nlines, ""quoted"""' for line in lines(ROWS)[1:]]
    path = write(tmp_path, text([header, *rows]))
    one, two = (staged(taxi_warehouse, path, streams) for streams in (1, 2))
    assert everything(reader, two.attempt) == everything(reader, one.attempt)
    note = reader.execute(
        f"select distinct unmapped->>'note' from stage.green_tripdata_2021_01_{two.attempt}"
    ).fetchall()
    assert note == [('several\nlines, "quoted"',)]


def test_bad_value_in_any_chunk_leads_to_the_second_reading(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    rows = lines(ROWS)
    rows[3 * ROWS // 4] = rows[3 * ROWS // 4].replace(",42,", ",forty-two,")
    done = staged(taxi_warehouse, write(tmp_path, text(rows)), 2)
    assert (done.rows_in_file, done.rows_loaded, done.rows_rejected) == (ROWS, ROWS - 1, 1)
    assert everything(reader, done.attempt)[0][:4] == (ROWS - 1, 1, ROWS, ROWS - 1)


def test_quote_that_is_never_closed_leads_to_the_second_reading(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    rows = lines(2 * ROWS)
    rows[10] = rows[10].replace(",N,", ',"N,')
    done = staged(taxi_warehouse, write(tmp_path, text(rows)), 2)
    assert (done.rows_loaded, done.rows_rejected) == (2 * ROWS - 1, 1)


def test_file_that_is_cut_leaves_nothing(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    path = write(tmp_path, b"", "green_tripdata_2021-01.csv.gz")
    path.write_bytes(gzip.compress(text(lines(ROWS)))[:-10_000])
    with pytest.raises(TruncatedFile):
        staged(taxi_warehouse, path, 2)
    assert leftovers(reader) == []


def test_lost_second_connection_leaves_nothing_and_can_be_tried_again(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write(tmp_path, text(lines(ROWS)))

    def killed(connection: psycopg.Connection, stage: StageTable, dataset: Dataset, month: Month) -> Measures:
        own = connection.info.backend_pid
        victim = "select pg_terminate_backend(pid) from pg_stat_activity where application_name ~ 'others'"
        reader.execute(f"{victim} and pid <> {own}")
        return measure(connection, stage, dataset, month)

    with monkeypatch.context() as patch:
        patch.setattr("nyc_taxi.postgres.csv_copy.measure", killed)
        with pytest.raises(Exception, match=r"terminat|lost"):
            staged(taxi_warehouse, path, 2)
    assert leftovers(reader) == []
    attempt = load(taxi_warehouse, published(path))
    assert attempt.outcome is Outcome.PUBLISHED
    assert content(reader)[0][1] == ROWS
