from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.core.sample import SAMPLE_DATASETS, write_sample
from nyc_taxi.core.sample import file as sample_file
from nyc_taxi.core.sample.dirt import DIRT
from nyc_taxi.core.zones import read_zones
from nyc_taxi.errors import InvalidMonth, UnknownDataset
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

PICKUP, DROPOFF = "pickup", "dropoff"
TIMES = {
    "yellow": ("tpep_pickup_datetime", "tpep_dropoff_datetime"),
    "green": ("lpep_pickup_datetime", "lpep_dropoff_datetime"),
    "fhv": ("pickup_datetime", "dropOff_datetime"),
}
AMOUNTS = [
    "fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge",
    "congestion_surcharge",
]  # fmt: skip
BLOCK_BLANKS = [
    "VendorID", "passenger_count", "RatecodeID", "store_and_fwd_flag", "payment_type", "congestion_surcharge",
]  # fmt: skip


def sample(to: Path, dataset: str, months: str, rows: int, edition: int = 1) -> Path:
    """Write one month and return its path."""
    return write_sample(MonthRange.parse(months), rows, to, (dataset,), edition=edition)[0]


def trips(path: Path) -> pd.DataFrame:
    """Read a sample with its times as columns pickup and dropoff."""
    trips = pd.read_csv(path, dtype={"store_and_fwd_flag": "str", "SR_Flag": "str"}, low_memory=False)
    for name, column in zip((PICKUP, DROPOFF), TIMES[path.name.partition("_")[0]], strict=True):
        trips[name] = trips.pop(column).astype("datetime64[s]")
    return trips


@pytest.fixture(scope="module")
def yellow(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return trips(sample(tmp_path_factory.mktemp("yellow"), "yellow", "2021-02", 200_000))


@pytest.fixture(scope="module")
def green(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return trips(sample(tmp_path_factory.mktemp("green"), "green", "2020-04", 200_000))


@pytest.fixture(scope="module")
def fhv(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return trips(sample(tmp_path_factory.mktemp("fhv"), "fhv", "2019-10", 100_000))


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
    assert len(read_zones(written[-1])) == 265


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
    fares = {tuple(trips(path)["fare_amount"]) for path in tmp_path.rglob("*.gz")}
    assert len(fares) == 4


def test_another_edition_is_the_same_month_with_other_trips(tmp_path: Path) -> None:
    first = sample(tmp_path / "first", "green", "2021-01", 1000)
    second = sample(tmp_path / "second", "green", "2021-01", 1000, edition=2)
    assert first.name == second.name
    assert first.read_bytes() != second.read_bytes()
    assert len(trips(first)) == len(trips(second)) == 1000


@pytest.mark.parametrize("dataset", SAMPLE_DATASETS)
@pytest.mark.parametrize("rows", [1, 2, 10, 99, 100, 101, 65_537, 140_001])
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


def test_values_are_spelled_as_in_real_files(tmp_path: Path) -> None:
    lines = (
        gzip.decompress(sample(tmp_path, "yellow", "2021-01", 3000).read_bytes()).decode().split("\n")[1:-1]
    )
    fields = list(zip(*(line.split(",") for line in lines), strict=True))
    for column, pattern in (
        (1, r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
        (4, r"\d*\.\d\d"),
        (6, r"[NY]?"),
        (7, r"\d+"),
        (10, r"-?\d+(\.\d[1-9]?|\.[1-9])?"),
        (17, r"-?(0|2\.5)|"),
    ):
        texts = pd.Series(fields[column])
        assert texts.str.fullmatch(pattern).all(), texts[~texts.str.fullmatch(pattern)].head()
    assert not pd.Series(fields[4]).str.startswith("0").any()


def test_blank_vendor_block_is_blank_and_in_whole_minutes(yellow: pd.DataFrame, green: pd.DataFrame) -> None:
    for trips, month, blanks in (
        (yellow, Month("2021-02"), BLOCK_BLANKS),
        (green, Month("2020-04"), [*BLOCK_BLANKS, "trip_type"]),
    ):
        dataset = "yellow" if trips is yellow else "green"
        block = trips[trips["VendorID"].isna()]
        assert len(block) == round(len(trips) * DIRT[dataset].blank_vendor_in(month))
        assert block[blanks].isna().all(axis=None)
        assert trips[trips["VendorID"].notna()][blanks].notna().all(axis=None)
        # It is the last part of the file.
        assert block.index[0] == len(trips) - len(block)
        for times in (PICKUP, DROPOFF):
            assert (block[times].dt.second == 0).mean() == pytest.approx(0.995, abs=0.003)
            assert (trips[times][: block.index[0]].dt.second == 0).mean() == pytest.approx(1 / 60, abs=0.003)


@pytest.mark.parametrize(
    ("dataset", "month", "share"),
    [
        ("yellow", "2019-06", 0.0),
        ("yellow", "2020-04", 0.08),
        ("yellow", "2020-05", 0.17),
        ("green", "2019-01", 0.0),
        ("green", "2020-04", 0.31),
        ("green", "2021-01", 0.47),
        ("green", "2021-07", 0.44),
    ],
)
def test_blank_vendor_block_has_the_size_of_its_month(
    dataset: str, month: str, share: float, tmp_path: Path
) -> None:
    vendors = trips(sample(tmp_path, dataset, month, 2000))["VendorID"]
    assert vendors.isna().mean() == pytest.approx(share, abs=0.005)


def test_reversals_take_back_the_next_trip(yellow: pd.DataFrame, green: pd.DataFrame) -> None:
    for trips, share in ((yellow, DIRT["yellow"].reversals), (green, DIRT["green"].reversals)):
        taken_back = trips.index[trips["fare_amount"] < 0]
        assert len(taken_back) == round(len(trips) * share)
        trip, reversal = trips.loc[taken_back + 1], trips.loc[taken_back]
        for column in ("VendorID", PICKUP, DROPOFF, "PULocationID", "DOLocationID", "trip_distance"):
            assert (trip[column].to_numpy() == reversal[column].to_numpy()).all()
        for column in [*AMOUNTS, "total_amount"]:
            assert (trip[column].to_numpy() == -reversal[column].to_numpy()).all()
        assert set(trip["payment_type"]) == {2}
        assert set(reversal["payment_type"]) == {3, 4}


def test_reversals_are_the_share_of_real_ones(green: pd.DataFrame, real_data: Path) -> None:
    real = pd.read_csv(real_data / "real/green_tripdata_2020-04.csv.gz", low_memory=False)
    assert (green["fare_amount"] < 0).mean() == pytest.approx((real["fare_amount"] < 0).mean(), rel=0.1)


def test_exact_duplicates_are_a_few(yellow: pd.DataFrame, green: pd.DataFrame, fhv: pd.DataFrame) -> None:
    assert int(yellow.duplicated().sum()) == 24
    assert int(green.duplicated().sum()) == 12
    assert fhv.duplicated().sum() >= 12


def test_pickups_outside_the_month_are_a_few_and_one_is_in_2098(
    yellow: pd.DataFrame, green: pd.DataFrame, fhv: pd.DataFrame
) -> None:
    for trips, month in ((yellow, "2021-02"), (green, "2020-04"), (fhv, "2019-10")):
        strays = trips[trips[PICKUP].dt.strftime("%Y-%m") != month]
        assert 15 < len(strays) <= 26
        years = strays[PICKUP].dt.year.value_counts()
        assert years[2098] == 1
        assert years[2009] > 1
        assert years[2008] > 1
        neighbours = (
            strays[PICKUP].dt.strftime("%Y-%m").isin([str(Month(month).plus(-1)), str(Month(month).next())])
        )
        assert neighbours.sum() > 5


def test_large_file_has_at_most_26_strays_and_a_tiny_one_none(tmp_path: Path) -> None:
    large = trips(sample(tmp_path, "fhv", "2021-01", 400_000))
    assert (large[PICKUP].dt.strftime("%Y-%m") != "2021-01").sum() == 26
    tiny = trips(sample(tmp_path, "fhv", "2021-01", 99))
    assert (tiny[PICKUP].dt.strftime("%Y-%m") == "2021-01").all()


def test_a_demo_month_has_every_kind_of_dirt(tmp_path: Path) -> None:
    month = trips(sample(tmp_path, "yellow", "2021-01", 50_000))
    assert month["VendorID"].isna().any()
    assert (month["fare_amount"] < 0).any()
    assert month.duplicated().any()
    assert (month[PICKUP].dt.year == 2098).any()
    assert (month["PULocationID"] >= 264).any()
    assert (month["passenger_count"] == 0).any()
    assert (month["trip_distance"] == 0).any()


def test_unknown_zones_and_odd_codes_are_as_frequent_as_in_real_months(
    yellow: pd.DataFrame, green: pd.DataFrame
) -> None:
    metered = yellow[yellow["VendorID"].notna()]
    assert (metered["PULocationID"] == 264).mean() == pytest.approx(0.01, abs=0.002)
    assert (metered["PULocationID"] == 265).mean() == pytest.approx(0.001, abs=0.0005)
    assert (metered["passenger_count"] == 0).mean() == pytest.approx(0.0215, abs=0.002)
    assert (metered["trip_distance"] == 0).mean() == pytest.approx(0.0155, abs=0.002)
    assert 0 < (metered["RatecodeID"] == 99).mean() < 0.0002
    metered = green[green["VendorID"].notna()]
    assert (metered["trip_distance"] == 0).mean() == pytest.approx(0.057, abs=0.003)
    assert {264, 265} <= set(metered["PULocationID"])
    assert (metered["passenger_count"] == 0).any()
    assert green["trip_distance"].max() > 10_000
    assert green["ehail_fee"].isna().all()


def test_a_tenth_of_the_block_has_the_month_as_its_minute_late_in_2020(tmp_path: Path) -> None:
    for month, share in (("2020-08", 0.016), ("2020-09", 0.115), ("2020-12", 0.115), ("2021-01", 0.016)):
        path = sample(tmp_path, "green", month, 50_000)
        block = trips(path)
        block = block[block["VendorID"].isna()]
        for times in (PICKUP, DROPOFF):
            garbled = (block[times].dt.minute == int(month[5:])).mean()
            assert garbled == pytest.approx(share, abs=0.01)
        assert (block[DROPOFF] < block[PICKUP]).any() == (share > 0.1)


def test_nobody_is_picked_up_in_the_hour_that_spring_skips(tmp_path: Path) -> None:
    for path in write_sample(MonthRange.parse("2021-03"), 100_000, tmp_path)[:-1]:
        month = trips(path)
        month = month[month[PICKUP].dt.year == 2021]
        for times in (PICKUP, DROPOFF):
            hours = month[times][month[times].dt.strftime("%m-%d") == "03-14"].dt.hour.value_counts()
            assert 2 not in hours
            assert hours[1] > 20
            assert hours[3] > 20
        assert (month[DROPOFF] >= month[PICKUP]).all()


def test_trips_end_before_they_begin_only_on_the_night_that_clocks_go_back(tmp_path: Path) -> None:
    month = trips(sample(tmp_path, "yellow", "2019-11", 200_000))
    backwards = month[month[DROPOFF] < month[PICKUP]]
    assert len(backwards) > 5
    assert set(backwards[PICKUP].dt.strftime("%Y-%m-%d %H")) == {"2019-11-03 01"}
    nights = month[month[PICKUP].dt.strftime("%d").isin(["03", "10"])]
    counts = nights[nights[PICKUP].dt.hour == 1][PICKUP].dt.day.value_counts()
    assert counts[3] / counts[10] == pytest.approx(2, rel=0.1)


def test_rows_follow_each_other_by_hour(yellow: pd.DataFrame) -> None:
    metered = yellow[yellow["VendorID"].notna() & (yellow[PICKUP].dt.strftime("%Y-%m") == "2021-02")]
    hours = metered[PICKUP].dt.floor("h")
    assert hours.is_monotonic_increasing
    assert not metered[PICKUP].is_monotonic_increasing
    assert hours.nunique() == 28 * 24


def test_trips_look_like_real_ones(yellow: pd.DataFrame, green: pd.DataFrame) -> None:
    for trips, fare, miles in ((yellow, 8.5, 1.8), (green, 9.0, 1.75)):
        metered = trips[trips["VendorID"].notna() & (trips["fare_amount"] > 0)]
        assert metered["fare_amount"].median() == pytest.approx(fare, abs=1.5)
        assert metered["trip_distance"].median() == pytest.approx(miles, abs=0.3)
        hours = metered[PICKUP].dt.hour.value_counts()
        assert hours[18] > 8 * hours[4]
        longer = metered[metered["trip_distance"].between(5, 50)]["fare_amount"]
        assert longer.mean() > 2 * metered[metered["trip_distance"] < 2]["fare_amount"].mean()
        card = metered["payment_type"] == 1
        assert (metered[card]["tip_amount"] > 0).mean() > 0.7
        assert (metered[~card]["tip_amount"] == 0).all()


def test_trips_go_where_their_taxis_may(yellow: pd.DataFrame, green: pd.DataFrame, tmp_path: Path) -> None:
    zones = read_zones(write_sample(MonthRange.parse("2021-01"), 1, tmp_path)[-1]).set_index("locationid")
    boroughs = yellow["PULocationID"].map(zones["borough"])
    assert (boroughs == "Manhattan").mean() > 0.85
    served = green[green["VendorID"].notna()]["PULocationID"].map(zones["service_zone"])
    assert (served == "Yellow Zone").mean() < 0.03
    flat = yellow[(yellow["RatecodeID"] == 2) & (yellow["fare_amount"] > 0)]
    assert len(flat) > 1000
    assert set(flat["fare_amount"]) == {52.0}
    assert ((flat["PULocationID"] == 132) | (flat["DOLocationID"] == 132)).all()


def test_totals_add_up(yellow: pd.DataFrame, green: pd.DataFrame) -> None:
    for trips, dataset in ((yellow, "yellow"), (green, "green")):
        parts = trips[AMOUNTS].fillna(0)
        # The first vendor has the congestion surcharge in extra as well.
        twice = np.where(trips["VendorID"] == 1, parts["congestion_surcharge"], 0)
        off = (parts.sum(axis=1) - twice - trips["total_amount"]).abs()
        assert (off < 0.005).all(), dataset


def test_congestion_surcharge_is_mostly_blank_before_it_existed(tmp_path: Path) -> None:
    before = trips(sample(tmp_path, "yellow", "2019-01", 20_000))
    after = trips(sample(tmp_path, "yellow", "2019-02", 20_000))
    assert before["congestion_surcharge"].isna().mean() == pytest.approx(0.97, abs=0.01)
    assert after["congestion_surcharge"].notna().all()


def test_one_fhv_trip_of_2019_ends_in_the_year_3019(fhv: pd.DataFrame, tmp_path: Path) -> None:
    assert (fhv[DROPOFF].dt.year == 3019).sum() == 1
    later = trips(sample(tmp_path, "fhv", "2020-10", 10_000))
    assert (later[DROPOFF].dt.year < 2099).all()


def test_fhv_trips_name_their_base_and_often_no_zone(fhv: pd.DataFrame) -> None:
    assert fhv["dispatching_base_num"].str.fullmatch(r"B\d{5}").all()
    assert fhv["Affiliated_base_number"].str.fullmatch(r"B\d{5}").all()
    assert fhv["SR_Flag"].isna().all()
    assert fhv["PUlocationID"].isna().mean() == pytest.approx(0.4, abs=0.02)
    assert fhv["DOlocationID"].isna().mean() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("months", ["2018-12", "2018-12..2019-02", "2009-01..2009-03", "2021-01.."])
def test_months_without_a_sample_are_refused(months: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidMonth, match="from 2019-01 on"):
        write_sample(MonthRange.parse(months), 10, tmp_path)
    assert not list(tmp_path.iterdir())


def test_unknown_dataset_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UnknownDataset, match="no sample of 'fhvhv'"):
        write_sample(MonthRange.parse("2021-01"), 10, tmp_path, ("yellow", "fhvhv"))
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
        "import sys, nyc_taxi.core.sample, nyc_taxi.core.zones;"
        "print({'numpy', 'pyarrow', 'pandas'} & set(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"


@pytest.mark.slow
def test_a_million_rows_take_at_most_ten_seconds_on_a_quiet_machine(tmp_path: Path) -> None:
    """Counted is the time at work, which what else the machine does hardly changes; twice as much may be."""
    started = time.process_time()
    sample(tmp_path, "yellow", "2021-01", 1_000_000)
    assert time.process_time() - started < 20
