"""The promises about months, which every warehouse keeps; each has a test that bears its name.

Kills of processes, and the cost of a month, are tested where a warehouse's own means are needed.
"""

from __future__ import annotations

import gzip
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nyc_taxi.errors import SchemaDrift
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.load import load_month
from nyc_taxi.load.stage import stage_month
from tests.file_server import FileServer
from tests.trips import (
    GREEN,
    MONTH,
    fetch,
    green,
    lines,
    load,
    published,
    refused,
    row,
    stage,
    text,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.core.month import Month
    from nyc_taxi.load.warehouse import Warehouse
    from tests.contract.conftest import Subject

OLD = datetime(2021, 3, 1, tzinfo=UTC)
NEW = OLD + timedelta(days=30)


@pytest.mark.parametrize(
    ("bad", "ending"), [([], "\n"), (["bad"], "\n"), (["bad", "", "worse"], "\r\n"), ([f"{row(1)},,"], "\n")]
)
def test_promise_1_lossless(subject: Subject, tmp_path: Path, bad: list[str], ending: str) -> None:
    """Rows in the file = rows loaded + rows rejected, and every row of the file is somewhere."""
    rows = [*lines(250), *bad, *(row(number) for number in range(250))]
    done = load(subject.warehouse, published(write(tmp_path, text(rows, ending))))
    rejected = [line for line in bad if line and "," not in line]
    assert done.rows_in_file == len([line for line in rows[1:] if line])
    assert done.rows_rejected == len(rejected)
    assert [reject.line.decode() for reject in refused(subject.warehouse)] == rejected
    numbers = [loaded["row_number"] for loaded in subject.rows()]
    assert len(numbers) == done.rows_loaded
    kept = [reject.row_number for reject in refused(subject.warehouse)]
    assert sorted(numbers + kept) == list(range(1, (done.rows_in_file or 0) + 1))


@pytest.mark.parametrize("step", ["download", "copy", "staged", "audited"])
@pytest.mark.parametrize("month", ["new", "replaced"])
def test_promise_2_atomic_when_interrupted(subject: Subject, tmp_path: Path, step: str, month: str) -> None:
    warehouse = subject.warehouse
    if month == "replaced":
        load(warehouse, published(green(tmp_path, 100, fare=1.0)))
    before = subject.rows()
    file = published(green(tmp_path, 3_000))

    def reach(reached: str) -> None:
        if reached == step:
            raise KeyboardInterrupt(step)

    def interrupted(publication: Any, folder: Path) -> Any:
        reach("download")
        return fetch(publication, folder)

    def run() -> None:
        staged = stage_month(
            warehouse, file, fetch=interrupted, run_id="r", progress=lambda at, *_: reach(at)
        )
        reach("staged")
        audit_month(warehouse, staged.key)
        reach("audited")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert subject.rows() == before
    load(warehouse, file)
    assert [loaded["fare_amount"] for loaded in subject.rows()] == [10.5] * 3_000
    assert subject.leftovers() == 0


def test_promise_3_idempotent(warehouse: Warehouse, tmp_path: Path) -> None:
    """A month that is loaded again costs one HEAD, until its file is published anew."""
    path = "green/green_tripdata_2021-01.csv.gz"

    def run() -> Attempt:
        return load_month(warehouse, sources, "green", MONTH, run_id="r")

    with FileServer() as server:
        sources = SourceList.parse(server.url)
        server.put(path, green(tmp_path, 100).read_bytes(), last_modified=OLD)
        first = run()
        server.requests.clear()
        assert run() == first
        assert server.requests == [("HEAD", f"/{path}")]
        assert warehouse.ledger.history("green", MONTH) == [first]

        server.put(path, green(tmp_path, 120).read_bytes(), last_modified=NEW)
        second = run()
        assert second.replaced_id == first.id
        assert warehouse.count("green", MONTH) == 120
        server.requests.clear()
        assert run() == second
        assert server.requests == [("HEAD", f"/{path}")]


def test_promise_4_concurrent_runs_of_three_months(subject: Subject, tmp_path: Path) -> None:
    """Runs of one month overtake each other, and runs of other months are not in their way."""
    months = [MONTH.plus(number) for number in range(3)]
    files = {month: published(green(tmp_path, 1000, month), month=month) for month in months}
    with ThreadPoolExecutor(5) as pool:
        done = list(pool.map(lambda month: load(subject.warehouse, files[month]), [MONTH, MONTH, *months]))
    assert {attempt.outcome for attempt in done} <= {Outcome.PUBLISHED, Outcome.SUPERSEDED}
    assert [attempt.outcome for attempt in done[3:]] == [Outcome.PUBLISHED] * 2
    assert [len(subject.rows(month=month)) for month in months] == [1000] * 3
    assert subject.leftovers() == 0


def test_promise_4_concurrent_runs_while_files_are_published_anew(subject: Subject, tmp_path: Path) -> None:
    """Runs of three months, forced or not, four at a time: as good as one after another."""
    warehouse, chosen = subject.warehouse, random.Random(1)
    months = [MONTH.plus(number) for number in range(3)]
    versions = dict.fromkeys(months, 0)
    one_publisher = threading.Lock()

    def publish_anew(month: Month) -> None:
        with one_publisher:
            versions[month] += 1
            body = green(tmp_path, 300 + versions[month], month, fare=float(versions[month])).read_bytes()
            path = f"green/green_tripdata_{month}.csv.gz"
            server.put(path, body, last_modified=OLD + timedelta(hours=versions[month]))

    def run(job: tuple[Month, str]) -> Attempt | None:
        month, kind = job
        if kind == "published anew":
            publish_anew(month)
            return None
        return load_month(warehouse, sources, "green", month, run_id=kind, force=kind == "forced")

    with FileServer() as server:
        sources = SourceList.parse(server.url)
        for month in months:
            publish_anew(month)
        kinds = ("ordinary", "forced", "published anew")
        jobs = [(month, kind) for month in months for kind in kinds for _ in range(2)]
        chosen.shuffle(jobs)
        with ThreadPoolExecutor(4) as pool:
            done = [attempt for attempt in pool.map(run, jobs) if attempt is not None]
        final = {Outcome.PUBLISHED, Outcome.REPLACED, Outcome.SUPERSEDED}
        assert {attempt.outcome for attempt in done} <= final
        for month in months:
            assert_newer_and_newer(warehouse.ledger.history("green", month))
            load_month(warehouse, sources, "green", month, run_id="last")
    for month in months:
        fares = [loaded["fare_amount"] for loaded in subject.rows("green", month)]
        assert fares == [float(versions[month])] * (300 + versions[month])
    assert subject.leftovers() == 0


def assert_newer_and_newer(attempts: list[Attempt]) -> None:
    """Check that what readers saw of a month never went back to an older file."""
    seen = [attempt for attempt in attempts if attempt.outcome in {Outcome.PUBLISHED, Outcome.REPLACED}]
    seen.sort(key=lambda attempt: attempt.finished or OLD)
    times = [attempt.last_modified for attempt in seen]
    assert times == sorted(times, key=lambda time: time or OLD)


def test_promise_6_honest_about_drift_of_names_and_order(subject: Subject, tmp_path: Path) -> None:
    """Columns in another order or unknown load and are reported; those that are gone are named."""
    clean = [line.split(",") for line in lines(100)]
    drifted = [[*line[:5], *line[6:], line[5], "cloudy"] for line in clean]
    drifted[0][-2:] = ["pickup-location ID", "weather"]
    path = write(tmp_path, text([",".join(line) for line in drifted]))
    done = load(subject.warehouse, published(path))
    assert (done.unknown, done.missing) == (("weather",), ())
    checks = {check.name: check for check in subject.warehouse.ledger.checks(done.key)["load"]}
    assert checks["columns"].outcome == "warn"
    assert "weather" in checks["columns"].message
    third = subject.rows()[2]
    assert (third["vendorid"], third["pulocationid"], third["dolocationid"]) == (2, 3, 42)
    assert third["unmapped"].replace(" ", "") == '{"weather":"cloudy"}'

    drifted[0][-2] = "where"
    path = write(tmp_path, text([",".join(line[:3] + line[4:]) for line in drifted]))
    with pytest.raises(
        SchemaDrift,
        match=r"lacks store_and_fwd_flag, pulocationid, which every green file of 2021-01 has\. If they are "
        r"called where, weather in it",
    ):
        stage(subject.warehouse, published(path))
    assert subject.rows()[2] == third


def test_promise_6_honest_about_drift_of_types(subject: Subject, tmp_path: Path) -> None:
    """A whole-number column that comes as decimals is read as what it is; a file of another kind is not."""
    decimals = [GREEN, *(row(number).replace(",N,1,", ",N,1.0,") for number in range(100))]
    done = load(subject.warehouse, published(write(tmp_path, text(decimals))))
    assert (done.rows_loaded, done.rows_rejected) == (100, 0)
    before = subject.rows()
    fhv = text(["dispatching_base_num,Pickup_DateTime,DropOff_datetime,PULocationID,DOLocationID,SR_Flag"])
    with pytest.raises(SchemaDrift):
        stage(subject.warehouse, published(write(tmp_path / "fhv", fhv)))
    assert subject.rows() == before


MIXED = [
    row(1),
    row(2).replace(",N,1,", ",,1.0,"),
    row(3).replace(",10.5,", ",ten,"),
    row(4).replace(",10.5,", ",1e3,"),
    row(5).replace(",42,", ",42.5,"),
    row(6).replace("2021-01-07 10:06:00", "2021-02-30 10:06:00"),
    row(7).replace(",10.5,", ",NaN,"),
]


def test_promise_9_one_set_of_rules(subject: Subject, tmp_path: Path) -> None:
    """The same content as CSV, gzip and parquet gives the same rows, rejects and counts."""
    content = [GREEN, *MIXED, *(row(number) for number in range(1_000))]
    cells = [line.split(",") for line in content]
    columns = {name: [line[position] or None for line in cells[1:]] for position, name in enumerate(cells[0])}
    csv = write(tmp_path / "csv", text(content))
    packed = write(tmp_path / "gz", gzip.decompress(gzip.compress(text(content, "\r\n"))), f"{csv.name}.gz")
    parquet = tmp_path / "green_tripdata_2021-01.parquet"
    pq.write_table(pa.table(columns), parquet)
    results = []
    for path in (csv, packed, parquet):
        done = load(subject.warehouse, published(path), force=True)
        rejects = [(one.row_number, one.reason) for one in refused(subject.warehouse)]
        counts = (done.rows_in_file, done.rows_loaded, done.rows_rejected)
        results.append((subject.rows(), rejects, counts, done.measures))
    assert results[0][2] == (1_007, 1_004, 3)
    assert results[1] == results[0]
    assert results[2] == results[0]
