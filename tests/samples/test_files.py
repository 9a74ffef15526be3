from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.core.zones import read_zones
from nyc_taxi.errors import ContractError, InvalidMonth
from nyc_taxi.files.header import plan_csv
from nyc_taxi.samples import SAMPLE_DATASETS, write_sample
from nyc_taxi.samples import file as sample_file
from tests.samples.trips import read_trips, sample
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


def test_files_are_laid_out_as_the_mirror_is(tmp_path: Path) -> None:
    written = write_sample(MonthRange.parse("2020-12..2021-01"), 10, tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in written] == [
        "yellow/yellow_tripdata_2020-12.csv.gz",
        "yellow/yellow_tripdata_2021-01.csv.gz",
        "green/green_tripdata_2020-12.csv.gz",
        "green/green_tripdata_2021-01.csv.gz",
        "fhv/fhv_tripdata_2020-12.csv.gz",
        "fhv/fhv_tripdata_2021-01.csv.gz",
        "misc/taxi_zone_lookup.csv",
    ]
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(written)
    assert len(read_zones(written[-1].read_bytes())) == 265


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write_sample(MonthRange.parse("2020-10..2020-11"), 3000, tmp_path / folder)
    once, again = (sorted((tmp_path / folder).rglob("*.*")) for folder in ("one", "two"))
    assert len(once) == 7
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


def test_bytes_do_not_depend_on_what_else_is_written(tmp_path: Path) -> None:
    write_sample(MonthRange.parse("2021-01..2021-03"), 500, tmp_path / "all")
    alone = sample(tmp_path / "alone", "green", "2021-02", 500)
    assert alone.read_bytes() == (tmp_path / "all/green/green_tripdata_2021-02.csv.gz").read_bytes()


def test_months_and_datasets_have_different_trips(tmp_path: Path) -> None:
    write_sample(MonthRange.parse("2021-01..2021-02"), 200, tmp_path, ("yellow", "green"))
    fares = {tuple(read_trips(path)["fare_amount"]) for path in tmp_path.rglob("*.gz")}
    assert len(fares) == 4


def test_another_edition_is_the_same_month_with_other_trips(tmp_path: Path) -> None:
    first = sample(tmp_path / "first", "green", "2021-01", 1000)
    second = sample(tmp_path / "second", "green", "2021-01", 1000, edition=2)
    assert first.name == second.name
    assert first.read_bytes() != second.read_bytes()
    assert len(read_trips(first)) == len(read_trips(second)) == 1000


@pytest.mark.parametrize("dataset", SAMPLE_DATASETS)
@pytest.mark.parametrize("rows", [1, 99, 100, 101, 65_537])
def test_file_has_exactly_the_rows_asked_for(dataset: str, rows: int, tmp_path: Path) -> None:
    path = sample(tmp_path, dataset, "2020-11", rows)
    content = gzip.decompress(path.read_bytes())
    assert content.count(b"\n") == content.count(b"\r\n") == rows + 1
    header, *lines = content.decode().removesuffix("\r\n").split("\r\n")
    assert len(lines) == rows
    assert {line.count(",") for line in lines} == {header.count(",")}


@pytest.mark.parametrize(
    ("month", "line_end"),
    [("2019-01", b"\r\n"), ("2020-12", b"\r\n"), ("2021-01", b"\n"), ("2021-07", b"\n"), ("2024-02", b"\n")],
)
def test_line_ends_are_those_of_the_era(month: str, line_end: bytes, tmp_path: Path) -> None:
    for path in write_sample(MonthRange.parse(month), 5, tmp_path)[:-1]:
        content = gzip.decompress(path.read_bytes())
        assert content.endswith(line_end)
        assert content.count(line_end) == 6
        assert (content.count(b"\r") > 0) is (line_end == b"\r\n")


@pytest.mark.parametrize(
    ("dataset", "real"),
    [
        ("yellow", "eras/yellow_tripdata_2019-01.csv"),
        ("yellow", "eras/yellow_tripdata_2020-06.csv"),
        ("yellow", "real/yellow_tripdata_2020-01.head999.csv"),
        ("yellow", "real/yellow_tripdata_2021-01.head22792.csv"),
        ("green", "eras/green_tripdata_2019-01.csv"),
        ("fhvhv", "eras/fhvhv_tripdata_2019-02.csv"),
    ],
)
def test_header_line_is_the_real_one(dataset: str, real: str, real_data: Path, tmp_path: Path) -> None:
    month = real.partition("tripdata_")[2][:7]
    ours = gzip.decompress(sample(tmp_path, dataset, month, 1).read_bytes()).split(b"\n")[0]
    assert ours == (real_data / real).read_bytes().split(b"\n")[0]


def test_header_of_the_real_green_month_is_ours(real_data: Path, tmp_path: Path) -> None:
    real = gzip.decompress((real_data / "real/green_tripdata_2020-04.csv.gz").read_bytes())
    ours = gzip.decompress(sample(tmp_path, "green", "2020-04", 1).read_bytes())
    assert ours.split(b"\n")[0] == real.split(b"\n")[0]


def test_fhv_header_is_that_of_the_files_issued_again(tmp_path: Path) -> None:
    header = gzip.decompress(sample(tmp_path, "fhv", "2021-01", 1).read_bytes()).split(b"\n")[0]
    assert header == (
        b"dispatching_base_num,pickup_datetime,dropOff_datetime,PUlocationID,DOlocationID,SR_Flag,"
        b"Affiliated_base_number"
    )


@pytest.mark.parametrize(
    ("month", "schema_version"),
    [
        ("2021-07", "CSV, 2019 to 2021"),
        ("2021-08", "parquet, 2019 to 2024"),
        ("2025-01", "since 2025"),
    ],
)
def test_fhvhv_has_fares_in_months_that_were_never_csv(
    month: str, schema_version: str, tmp_path: Path
) -> None:
    path = sample(tmp_path, "fhvhv", month, 100)
    plan = plan_csv(get_dataset("fhvhv"), gzip.decompress(path.read_bytes()), Month(month))
    assert (plan.schema_version, plan.missing, plan.unknown) == (schema_version, (), ())


@pytest.mark.parametrize("months", ["2018-12", "2018-12..2019-02", "2009-01..2009-03", "2021-01.."])
def test_months_without_a_sample_are_refused(months: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidMonth, match="from 2019-01 on"):
        write_sample(MonthRange.parse(months), 10, tmp_path)
    assert not list(tmp_path.iterdir())


def test_unknown_dataset_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no sample of 'pink'"):
        write_sample(MonthRange.parse("2021-01"), 10, tmp_path, ("yellow", "pink"))
    assert not list(tmp_path.iterdir())


def test_the_first_month_of_fhvhv_is_later(tmp_path: Path) -> None:
    with pytest.raises(InvalidMonth, match="first month of fhvhv is 2019-02"):
        write_sample(MonthRange.parse("2019-01..2019-02"), 10, tmp_path, ("fhvhv",))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("rows", "edition"), [(0, 1), (-5, 1), (10, 0)])
def test_no_rows_and_no_edition_are_refused(rows: int, edition: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1 row"):
        write_sample(MonthRange.parse("2021-01"), rows, tmp_path, edition=edition)


def test_progress_names_every_finished_file(tmp_path: Path) -> None:
    seen: list[tuple[Path, int]] = []

    def progress(path: Path, rows: int) -> None:
        assert path.is_file()
        seen.append((path, rows))

    written = write_sample(MonthRange.parse("2021-01..2021-02"), 7, tmp_path, progress=progress)
    assert sorted(seen) == sorted((path, 7) for path in written[:-1])


def test_reader_of_the_folder_never_sees_half_a_file(tmp_path: Path) -> None:
    path = sample(tmp_path, "green", "2021-01", 20_000)
    editions = [path.read_bytes(), sample(tmp_path / "other", "green", "2021-01", 20_000, 2).read_bytes()]
    stop = threading.Event()
    seen: list[bytes] = []

    def read() -> None:
        while not stop.is_set():
            seen.append(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    eventually(lambda: seen)
    for edition in (2, 1, 2):
        sample(tmp_path, "green", "2021-01", 20_000, edition)
    stop.set()
    reader.join()
    assert set(seen) <= set(editions)
    assert path.read_bytes() == editions[1]


def test_failure_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sample(tmp_path, "green", "2021-01", 100)
    before = path.read_bytes()

    def full(*_: object) -> bytes:
        raise OSError("No space left on device")

    monkeypatch.setattr(sample_file, "lines", full)
    with pytest.raises(OSError, match="No space left"):
        sample(tmp_path, "green", "2021-01", 200)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_importing_the_package_imports_no_numpy() -> None:
    code = (
        "import sys, nyc_taxi.samples, nyc_taxi.core.zones;"
        "print({'numpy', 'pyarrow', 'pandas'} & set(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"
