"""What staging makes of a file's content: real months, all schema versions, parquet, moved columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month
from tests.trips import (
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

    from nyc_taxi.postgres.warehouse import PostgresWarehouse

KEY = """
md5(
    coalesce(vendorid::text, '') || coalesce(lpep_pickup_datetime::text, '')
    || coalesce(lpep_dropoff_datetime::text, '') || coalesce(pulocationid::text, '')
    || coalesce(dolocationid::text, '') || coalesce(fare_amount::text, '')
    || coalesce(trip_distance::text, '')
)
"""
GOLDEN = f"""
with keys as (
    select
        {KEY} as key,
        vendorid,
        lpep_pickup_datetime,
        fare_amount
    from raw.green_tripdata
    where file_month = '2020-04-01'
)

select
    count(*) as rows,
    count(distinct key) as keys,
    count(*) filter (where vendorid is null) as without_vendor,
    count(*) filter (
        where lpep_pickup_datetime < '2020-04-01' or lpep_pickup_datetime >= '2020-05-01'
    ) as outside,
    count(*) filter (where fare_amount < 0) as negative,
    md5(string_agg(key, '' order by key)) as all_keys
from keys
"""


def test_golden_month_has_its_rows_and_keys(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, real_data: Path
) -> None:
    path = real_data / "real" / "green_tripdata_2020-04.csv.gz"
    done = load(taxi_warehouse, published(path, month=Month("2020-04")))
    assert (done.rows_in_file, done.rows_loaded, done.rows_rejected) == (35_612, 35_612, 0)
    assert done.bytes == 670_357
    assert done.sha256 is not None
    assert done.sha256.startswith("902436d3")
    assert reader.execute(GOLDEN).fetchone() == (
        35_612,
        35_612,
        11_110,
        6,
        122,
        "feb83b1b090bd26060c2f5adc6766154",
    )
    first = f"select {KEY} from raw.green_tripdata where row_number in (1, 3) order by row_number"
    assert reader.execute(first).fetchall() == [
        ("aa76dd91ed8fccdbdfa9c5416d2dcd2c",),
        ("9993d6c8b0fc0207a1b141886739fc5f",),
    ]
    assert reader.execute("select distinct filename from raw.green_tripdata").fetchall() == [
        ("green_tripdata_2020-04.csv.gz",)
    ]
    numbers = "select count(distinct row_number), min(row_number), max(row_number) from raw.green_tripdata"
    assert reader.execute(numbers).fetchone() == (35_612, 1, 35_612)


@pytest.mark.parametrize(
    ("month", "rows", "without_cbd_fee"), [("2021-01", 76_518, 76_518), ("2025-11", 46_912, 0)]
)
def test_parquet_month_is_loaded_as_tlc_publishes_it(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    real_data: Path,
    month: str,
    rows: int,
    without_cbd_fee: int,
) -> None:
    path = real_data / "real" / f"green_tripdata_{month}.parquet"
    done = load(taxi_warehouse, published(path, month=Month(month)))
    assert (done.rows_in_file, done.rows_loaded, done.rows_rejected) == (rows, rows, 0)
    assert done.unknown == ()
    query = """
        select
            count(*), sum(vendorid), sum(total_amount)::numeric(12, 2), count(*) - count(ratecodeid),
            max(lpep_dropoff_datetime)::text, max(row_number), count(ehail_fee), count(unmapped),
            count(*) - count(cbd_congestion_fee)
        from raw.green_tripdata
    """
    table = pq.read_table(path)
    expected = (
        rows,
        sum(table["VendorID"].to_pylist()),
        round(sum(map(_cents, table["total_amount"].to_pylist())) / 100, 2),
        table["RatecodeID"].null_count,
        str(max(table["lpep_dropoff_datetime"].to_pylist())),
        rows,
        0,
        0,
        without_cbd_fee,
    )
    found = reader.execute(query).fetchone()
    assert found is not None
    assert (*found[:2], float(found[2]), *found[3:]) == expected


def _cents(amount: float) -> int:
    return round(amount * 100)


SCHEMA_VERSIONS = [
    "yellow_tripdata_2009-01",
    "yellow_tripdata_2010-02",
    "yellow_tripdata_2014-01",
    "yellow_tripdata_2015-01",
    "yellow_tripdata_2016-07",
    "yellow_tripdata_2017-01",
    "yellow_tripdata_2019-01",
    "yellow_tripdata_2020-06",
    "green_tripdata_2014-01",
    "green_tripdata_2015-01",
    "green_tripdata_2016-01",
    "green_tripdata_2016-07",
    "green_tripdata_2019-01",
    "fhv_tripdata_2015-01",
    "fhv_tripdata_2017-01",
    "fhv_tripdata_2017-07",
    "fhv_tripdata_2018-01",
    "fhv_tripdata_2019-01",
    "fhv_tripdata_2020-01",
]


@pytest.mark.parametrize("name", SCHEMA_VERSIONS)
def test_every_era_is_staged_with_all_its_values(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, real_data: Path, tmp_path: Path, name: str
) -> None:
    dataset, _, month = name.split("_")
    head = (real_data / "eras" / f"{name}.csv").read_bytes()
    whole = head[: head.rindex(b"\n") + 1]
    path = write(tmp_path, whole, f"{name}.csv.gz")
    staged = stage(taxi_warehouse, published(path, dataset=dataset, month=Month(month)))
    header, *rows = [line for line in whole.decode().splitlines() if line.strip()]
    assert staged.rows_in_file == staged.rows_loaded == len(rows) > 0
    attempt = taxi_warehouse.ledger.get(staged.key)
    assert attempt.schema_version != "unknown"
    assert attempt.unknown == ()
    assert len(attempt.header) == header.count(",") + 1
    table = attempt.stage_table
    assert reader.execute(f"select count(unmapped) from {table}").fetchone() == (0,)
    pickup = get_dataset(dataset).pickup
    times = [time for (time,) in reader.execute(f"select {pickup}::text from {table} order by row_number")]
    assert all(time in line for time, line in zip(times, rows, strict=True))
    given = sum(1 for line in rows for value in line.split(",") if value.strip('"'))
    stored = reader.execute(f"select sum(num_nonnulls({_columns(dataset)})) from {table}").fetchone()
    assert stored == (given,)


def _columns(dataset: str) -> str:
    return ", ".join(column.name for column in get_dataset(dataset).columns)


def test_unknown_and_repeated_columns_are_kept_in_unmapped(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keeps = replace(get_dataset("green"), on_repeated="keep")
    monkeypatch.setattr("nyc_taxi.postgres.stage.get_dataset", lambda name: keeps)
    rows = [
        f"{line},{extra},{again}"
        for line, extra, again in zip(
            lines(300), ["Moon Fee", *["1.25", ""] * 150], ["VendorID", *["", "", "7"] * 100], strict=True
        )
    ]
    done = load(taxi_warehouse, published(write(tmp_path, text(rows, "\r\n"))))
    assert done.unknown == ("moon fee", "vendorid_2")
    assert (done.rows_loaded, done.rows_rejected) == (300, 0)
    query = "select row_number, vendorid, unmapped from raw.green_tripdata where row_number <= 6 order by 1"
    assert reader.execute(query).fetchall() == [
        (1, 2, {"moon fee": "1.25"}),
        (2, 2, None),
        (3, 2, {"moon fee": "1.25", "vendorid_2": "7"}),
        (4, 2, None),
        (5, 2, {"moon fee": "1.25"}),
        (6, 2, {"vendorid_2": "7"}),
    ]
