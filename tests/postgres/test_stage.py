from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month
from nyc_taxi.errors import DownloadInterrupted, NotTheFile, SchemaDrift, TooManyRejects, TruncatedFile
from nyc_taxi.postgres import ledger
from nyc_taxi.postgres.ledger import Outcome
from nyc_taxi.postgres.stage import Staged, stage_month
from tests.postgres.trips import (
    GREEN,
    MONTH,
    content,
    counts,
    fetch,
    green,
    leftovers,
    lines,
    load,
    published,
    row,
    stage,
    text,
    write,
)

if TYPE_CHECKING:
    import psycopg

    from nyc_taxi.core.download import File
    from nyc_taxi.core.publication import Publication
    from nyc_taxi.postgres.warehouse import Warehouse

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
    taxi_warehouse: Warehouse, reader: psycopg.Connection, real_data: Path
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
    taxi_warehouse: Warehouse,
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


ERAS = [
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


@pytest.mark.parametrize("name", ERAS)
def test_every_era_is_staged_with_all_its_values(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, real_data: Path, tmp_path: Path, name: str
) -> None:
    dataset, _, month = name.split("_")
    head = (real_data / "eras" / f"{name}.csv").read_bytes()
    whole = head[: head.rindex(b"\n") + 1]
    path = write(tmp_path, whole, f"{name}.csv.gz")
    staged = stage(taxi_warehouse, published(path, dataset=dataset, month=Month(month)))
    header, *rows = [line for line in whole.decode().splitlines() if line.strip()]
    assert staged.rows_in_file == staged.rows_loaded == len(rows) > 0
    with taxi_warehouse.session() as connection:
        attempt = ledger.get(connection, staged.attempt)
    assert attempt.era != "unknown"
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


def test_truncated_file_is_refused_with_nothing_changed(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, real_data: Path
) -> None:
    path = real_data / "real" / "yellow_tripdata_2021-01.head22792.csv"
    with pytest.raises(TruncatedFile, match="ends in the middle of line 22794") as caught:
        stage(taxi_warehouse, published(path, dataset="yellow"))
    assert reader.execute("select count(*) from raw.yellow_tripdata").fetchone() == (0,)
    assert leftovers(reader) == []
    attempts = reader.execute("select outcome, reason from ops.file_ledger").fetchall()
    assert attempts == [("failed", str(caught.value))]


def test_cut_gzip_file_is_refused_with_nothing_changed(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 1000)))
    before = content(reader)
    whole = green(tmp_path / "new", 2000)
    whole.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(TruncatedFile):
        stage(taxi_warehouse, published(whole))
    assert content(reader) == before
    assert leftovers(reader) == []


def test_unchanged_month_is_told_from_what_the_source_says_alone(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    file = published(green(tmp_path))
    first = load(taxi_warehouse, file)

    def no_fetch(publication: Publication, folder: Path) -> File:
        pytest.fail("the file was downloaded")

    staged = stage(taxi_warehouse, file, fetch=no_fetch)
    assert staged.unchanged
    assert staged.attempt == first.id
    assert staged.rows_loaded == 100
    assert reader.execute("select count(*) from ops.file_ledger").fetchone() == (1,)


def test_file_that_was_only_touched_is_unchanged_and_known_by_its_new_marks(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    path = green(tmp_path)
    first = load(taxi_warehouse, published(path))
    touched = published(path, modified=datetime(2022, 5, 1, tzinfo=UTC))
    staged = stage(taxi_warehouse, touched)
    assert (staged.unchanged, staged.attempt) == (True, first.id)
    assert reader.execute("select id, last_modified from ops.file_ledger").fetchall() == [
        (first.id, touched.last_modified)
    ]
    with taxi_warehouse.session() as connection:
        current = ledger.current(connection, "green", MONTH)
    assert current is not None
    assert touched.same_file(
        url=current.url, etag=current.etag, last_modified=current.last_modified, bytes=current.bytes
    )


def test_force_loads_an_unchanged_file_again(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    file = published(green(tmp_path))
    first = load(taxi_warehouse, file)
    before = content(reader)
    second = load(taxi_warehouse, file, force=True)
    assert second.id != first.id
    assert content(reader) == before


def test_failed_download_leaves_its_reason_and_nothing_else(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    def broken(publication: Publication, folder: Path) -> File:
        (folder / "half").write_bytes(b"half a file")
        raise DownloadInterrupted("The transfer ended after 11 bytes.")

    with pytest.raises(DownloadInterrupted):
        stage_month(
            taxi_warehouse, published(green(tmp_path / "source")), fetch=broken, run_id="r", folder=tmp_path
        )
    assert reader.execute("select outcome, reason, run_id from ops.file_ledger").fetchall() == [
        ("failed", "The transfer ended after 11 bytes.", "r")
    ]
    assert list(tmp_path.glob("nyc-taxi-*/*")) == []
    assert leftovers(reader) == []


def test_lost_connection_during_the_download_is_recorded_by_a_new_one(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    def cut_off(publication: Publication, folder: Path) -> File:
        reader.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%stage%'"
        )
        return fetch(publication, folder)

    with pytest.raises(Exception, match="was lost"):
        stage(taxi_warehouse, published(green(tmp_path)), fetch=cut_off)
    assert reader.execute("select outcome from ops.file_ledger").fetchall() == [("failed",)]


def test_attempt_of_a_killed_process_is_abandoned_by_the_next_run_and_a_live_one_is_not(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    file = published(green(tmp_path))

    def in_the_middle(publication: Publication, folder: Path) -> File:
        # This attempt is alive while another one comes and goes.
        load(taxi_warehouse, published(green(tmp_path / "other", 50)))
        assert outcomes() == ["abandoned", "staging", "published"]
        return fetch(publication, folder)

    def outcomes() -> list[str]:
        return [name for (name,) in reader.execute("select outcome from ops.file_ledger order by id")]

    with taxi_warehouse.session() as dying:
        ledger.begin(dying, file, "killed")
    assert outcomes() == ["staging"]
    staged = stage(taxi_warehouse, file, fetch=in_the_middle)
    assert outcomes() == ["abandoned", "staged", "published"]
    assert not staged.unchanged


def test_staged_table_is_numbered_in_file_order_and_hidden_from_readers(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    staged = stage(taxi_warehouse, published(green(tmp_path, 3000)))
    assert content(reader) == []
    table = f"stage.green_tripdata_2021_01_{staged.attempt}"
    wrong = f"""
        select count(*) from {table}
        where pulocationid <> (row_number - 1) %% 263 + 1
            or extract(day from lpep_pickup_datetime) <> (row_number - 1) %% 27 + 1
    """
    assert reader.execute(wrong, ()).fetchone() == (0,)
    assert leftovers(reader) == [table.removeprefix("stage.")]


def test_empty_value_is_null_whether_quoted_or_not(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    rows = lines(200)
    rows[1] = ",".join(f'"{value}"' for value in rows[1].split(","))
    staged = stage(taxi_warehouse, published(write(tmp_path, text(rows))))
    assert staged.rows_rejected == 0
    table = f"stage.green_tripdata_2021_01_{staged.attempt}"
    query = f"select count(congestion_surcharge), count(ehail_fee), count(store_and_fwd_flag) from {table}"
    assert reader.execute(query).fetchone() == (0, 0, 200)


def test_unknown_and_repeated_columns_are_kept_in_unmapped(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_columns_in_another_order_and_case_are_loaded_by_name(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(write(tmp_path, text(lines(100)))))
    without_numbers = (
        "select md5(string_agg(trip::text, '' order by row_number)) from raw.green_tripdata as trip"
    )
    before = reader.execute(without_numbers).fetchone()
    turned = [",".join(reversed(line.split(","))) for line in lines(100)]
    turned[0] = f"\ufeff{turned[0].upper()}"
    done = load(taxi_warehouse, published(write(tmp_path, text(turned))))
    assert done.outcome is Outcome.PUBLISHED
    assert reader.execute(without_numbers).fetchone() == before


def test_file_of_another_dataset_is_refused(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    with pytest.raises(SchemaDrift):
        stage(taxi_warehouse, published(green(tmp_path), dataset="yellow"))
    assert leftovers(reader) == []


def test_parquet_values_that_do_not_fit_are_rejected_one_by_one(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    rows = 1000
    pickups = [datetime(2021, 1, 1 + number % 28, tzinfo=None) for number in range(rows)]  # noqa: DTZ001
    columns = {
        "VendorID": pa.array([1] * rows, pa.int64()),
        "lpep_pickup_datetime": pa.array(pickups, pa.timestamp("us")),
        "lpep_dropoff_datetime": pa.array(pickups, pa.timestamp("ns")),
        "passenger_count": pa.array([1.0] * 997 + [1.5, float("nan"), None], pa.float64()),
        "PULocationID": pa.array([2**40] + [7] * (rows - 1), pa.int64()),
        "DOLocationID": pa.array(["8.0", "eight"] + ["8"] * (rows - 2), pa.large_string()),
        "fare_amount": pa.array([2.5] * rows, pa.float32()),
        "ehail_fee": pa.nulls(rows),
        "tip_amount": pa.array([1.0] * 500 + [float("inf")] + [2.0] * 499),
        "total_amount": pa.array([10] * rows, pa.int32()),
        "Weather": pa.array(["wet", None] * (rows // 2)),
    }
    path = tmp_path / "green_tripdata_2021-01.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=300)
    done = load(taxi_warehouse, published(path))
    assert (done.rows_in_file, done.rows_loaded, done.rows_rejected) == (1000, 996, 4)
    with taxi_warehouse.session() as connection:
        refused = ledger.rejects(connection, "green", MONTH)
    assert [(reject.row_number, reject.line_number, reject.reason) for reject in refused] == [
        (1, None, "PULocationID: 1099511627776 is no integer"),
        (2, None, "DOLocationID: 'eight' is no integer"),
        (501, None, "tip_amount: inf is no double"),
        (998, None, "passenger_count: 1.5 is no integer"),
    ]
    assert b'"DOLocationID": "eight"' in refused[1].line
    query = """
        select row_number, passenger_count, dolocationid, unmapped from raw.green_tripdata
        where row_number > 998 or row_number = 3 order by row_number
    """
    assert reader.execute(query).fetchall() == [
        (3, 1, 8, {"weather": "wet"}),
        (999, None, 8, {"weather": "wet"}),
        (1000, None, 8, None),
    ]


def test_damaged_parquet_file_is_refused(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    path = tmp_path / "green_tripdata_2021-01.parquet"
    pq.write_table(pa.table({"lpep_pickup_datetime": pa.array([None], pa.timestamp("us"))}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TruncatedFile):
        stage(taxi_warehouse, published(path))
    path.write_bytes(b"<html>Please log in</html>")
    with pytest.raises(NotTheFile):
        stage(taxi_warehouse, published(path))
    assert leftovers(reader) == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process' peak memory")
def test_memory_does_not_grow_with_the_file(
    warehouse_uri: str, taxi_warehouse: Warehouse, tmp_path: Path
) -> None:
    """The peak of a child that stages many rows is hardly above that of one that stages few."""
    small = _peak_of_staging(warehouse_uri, green(tmp_path / "small", 1_000))
    large = _peak_of_staging(warehouse_uri, green(tmp_path / "large", 300_000))
    assert large - small < 16 * 1024


def _peak_of_staging(uri: str, path: Path) -> int:
    """Return the peak resident memory, in KiB, of a process that stages a file."""
    script = r"""
import re, sys
from pathlib import Path
import psycopg
from nyc_taxi.postgres.warehouse import Warehouse
from tests.postgres.trips import published, stage
stage(Warehouse(lambda: psycopg.connect(sys.argv[1]), "w"), published(Path(sys.argv[2])))
print(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
"""
    child = subprocess.run(
        [sys.executable, "-c", script, uri, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    return int(child.stdout)


def test_progress_is_told_in_bytes_of_content(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    told: list[tuple[str, int, int | None]] = []
    path = write(tmp_path, text(lines(5000)))
    stage_month(
        taxi_warehouse,
        published(path),
        fetch=fetch,
        run_id="r",
        progress=lambda step, done, total: told.append((step, done, total)),
    )
    assert told[-1] == ("copy", path.stat().st_size, path.stat().st_size)


def test_header_without_rows_is_staged_and_counted_as_none(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    assert stage(taxi_warehouse, published(write(tmp_path, text([GREEN])))).rows_in_file == 0


def test_too_many_refused_rows_fail_the_attempt_and_stay_visible(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 300)))
    before = counts(reader)
    rows = [GREEN, *(row(number) if number % 2 else "cut" for number in range(300))]
    with pytest.raises(TooManyRejects) as caught:
        stage(taxi_warehouse, published(write(tmp_path / "bad", text(rows))))
    assert "150 of 300 rows" in str(caught.value)
    assert "line 2: 1 fields where 20 belong; line 4:" in str(caught.value)
    assert counts(reader) == before
    assert leftovers(reader) == []
    with taxi_warehouse.session() as connection:
        refused = ledger.rejects(connection, "green", MONTH)
        newest = ledger.history(connection, "green", MONTH)[-1]
    assert len(refused) == 150
    assert newest.outcome is Outcome.FAILED
    assert newest.rows_rejected == 150
    assert newest.rows_in_file == 300


def test_result_survives_being_sent_as_json(
    taxi_warehouse: Warehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    staged = stage(taxi_warehouse, published(green(tmp_path)))
    assert Staged.from_json(json.loads(json.dumps(staged.to_json()))) == staged
