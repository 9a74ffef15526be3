"""The same file gives the same rows, rejected rows and counts in every warehouse (promise 9)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month
from nyc_taxi.errors import TaxiError
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.conftest import REAL_DATA
from tests.contract.conftest import InBigQuery, InMemory, InPostgres, Subject
from tests.contract.memory import MemoryWarehouse
from tests.extent import extent
from tests.faults.corpus import CASES
from tests.trips import load, published

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nyc_taxi.bigquery.place import Place

NAME = re.compile(r"(yellow|green|fhv|fhvhv)_tripdata_(\d{4}-\d\d)\.(csv|csv\.gz|parquet)")


def files(folder: Path) -> Iterator[Path]:
    """Yield files that load: those of the corpus, and real and odd ones that are not part of the project."""
    for number, case in enumerate(CASES):
        reply = case.replies[-1]
        if case.loaded is not None and reply.body.startswith(b"\x1f\x8b"):
            path = folder / str(number) / "green_tripdata_2021-01.csv.gz"
            path.parent.mkdir()
            path.write_bytes(reply.body)
            yield path
    for real in (REAL_DATA / "eras", REAL_DATA.parent / "cases"):
        yield from sorted(path for path in real.rglob("*") if NAME.fullmatch(path.name) and path.is_file())


def found(subject: Subject, path: Path) -> Any:
    """Return all that loading a file leaves, or why it was refused."""
    dataset, month, _ = NAME.fullmatch(path.name).groups()  # type: ignore[union-attr]
    file = published(path, dataset=dataset, month=Month(month))
    try:
        done = load(subject.warehouse, file, force=True)
    except TaxiError as error:
        return type(error), str(error)
    rows = subject.rows(dataset, Month(month))
    for row in rows:
        row["unmapped"] = json.loads(row["unmapped"] or "null")
    counts = (done.rows_in_file, done.rows_loaded, done.rows_rejected, done.bytes_uncompressed)
    read = (done.header, done.line_end, done.schema_version, done.missing, done.unknown, done.measures)
    return counts, read, list(subject.warehouse.ledger.rejects(done)), rows


def test_promise_9_the_same_everywhere(warehouse_uri: str, tmp_path: Path) -> None:
    postgres = InPostgres(
        PostgresWarehouse(lambda: psycopg.connect(warehouse_uri), "postgres_taxi"), warehouse_uri
    )
    memory = InMemory(MemoryWarehouse())
    compared = 0
    for path in files(tmp_path):
        assert found(postgres, path) == found(memory, path), path
        compared += 1
    assert compared > 20


@pytest.mark.slow
def test_promise_9_the_same_in_bigquery(bigquery_place: Place, tmp_path: Path) -> None:
    """Some of the files, because the emulator is slow; ``make test-long`` loads all of them."""
    bigquery = InBigQuery(BigQueryWarehouse(bigquery_place, "bigquery_taxi"))
    memory = InMemory(MemoryWarehouse())
    chosen = list(files(tmp_path))[:: extent(9, 1)]
    for path in chosen:
        assert found(bigquery, path) == found(memory, path), path
    assert len(chosen) > 2


@pytest.mark.parametrize("name", ["green_tripdata_2020-04.csv.gz", "green_tripdata_2025-11.parquet"])
def test_a_real_month_adds_up_to_the_same_in_both_warehouses(
    warehouse_uri: str, bigquery_place: Place, real_data: Path, name: str
) -> None:
    month = Month(name[15:22])
    file = published(real_data / "real" / name, month=month)
    postgres = PostgresWarehouse(lambda: psycopg.connect(warehouse_uri), "postgres_taxi")
    bigquery = InBigQuery(BigQueryWarehouse(bigquery_place, "bigquery_taxi"))
    in_postgres, in_bigquery = load(postgres, file), load(bigquery.warehouse, file)
    for fact in ("rows_in_file", "rows_loaded", "rows_rejected", "measures", "schema_version", "sha256"):
        assert getattr(in_postgres, fact) == getattr(in_bigquery, fact), fact
    sums = ["count(*)", "sum(row_number)", "min(file_month)", "min(filename)", "count(unmapped)"]
    for column in get_dataset("green").columns:
        sums.append(f"count({column.name})")
        if column.type in {"integer", "double"}:
            # Sums of doubles depend on the order of the rows, which neither warehouse promises.
            sums.append(f"sum(cast(round(cast({column.name} * 100 as numeric)) as numeric))")
        else:
            sums += [f"min({column.name})", f"max({column.name})", f"count(distinct {column.name})"]
    table = f"{bigquery_place.raw}.green_tripdata"
    (there,) = bigquery.query(f"select {', '.join(sums)} from {table}")
    with psycopg.connect(warehouse_uri) as reader:
        here = reader.execute(f"select {', '.join(sums)} from raw.green_tripdata".encode()).fetchone()
    assert tuple(there) == here
