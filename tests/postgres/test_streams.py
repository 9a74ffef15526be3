"""Large files go over two connections: the rows, their order and their numbers are as over one."""

from __future__ import annotations

import gzip
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import TruncatedFile
from nyc_taxi.files.chunks import chunks
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.measures import measure
from tests.trips import (
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
    import pyarrow as pa

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.month import Month
    from nyc_taxi.load.measures import Measures
    from nyc_taxi.load.stage import Staged
    from nyc_taxi.postgres.warehouse import PostgresWarehouse

ROWS = 40_000
"""As text more than two chunks."""


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small files have several batches."""
    monkeypatch.setattr("nyc_taxi.files.csv_reader.chunks", partial(chunks, size=1 << 20))


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
    measured = [taxi_warehouse.ledger.get(done.key).measures for done in (one, two)]
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


def test_rejected_rows_of_all_batches_are_kept_in_the_order_of_the_file(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    rows = lines(ROWS)
    for number in (1, ROWS // 2, ROWS):
        rows[number] = rows[number].replace(",42,", ",forty-two,")
    done = staged(taxi_warehouse, write(tmp_path, text(rows)), 2)
    assert (done.rows_in_file, done.rows_loaded, done.rows_rejected) == (ROWS, ROWS - 3, 3)
    kept = taxi_warehouse.ledger.rejects(taxi_warehouse.ledger.get(done.key))
    assert [row.row_number for row in kept] == [1, ROWS // 2, ROWS]


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

    def killed(rows: pa.RecordBatch, dataset: Dataset, month: Month) -> Measures:
        reader.execute(
            "select pg_terminate_backend(max(pid)) from pg_stat_activity where application_name ~ ' stage '"
        )
        return measure(rows, dataset, month)

    with monkeypatch.context() as patch:
        patch.setattr("nyc_taxi.postgres.batch_copy.measure", killed)
        with pytest.raises(Exception, match=r"terminat|lost"):
            staged(taxi_warehouse, path, 2)
    assert leftovers(reader) == []
    attempt = load(taxi_warehouse, published(path))
    assert attempt.outcome is Outcome.PUBLISHED
    assert content(reader)[0][1] == ROWS
