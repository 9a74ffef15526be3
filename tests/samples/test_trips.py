"""The trips of sample months are as dirty, and as plausible, as those of real ones."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.core.zones import read_zones
from nyc_taxi.samples import write_sample
from nyc_taxi.samples.dirt import DIRT
from tests.samples.trips import DROPOFF, PICKUP, read_trips, sample

if TYPE_CHECKING:
    from pathlib import Path
AMOUNTS = [
    "fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge",
    "congestion_surcharge",
]  # fmt: skip
BLOCK_BLANKS = [
    "VendorID", "passenger_count", "RatecodeID", "store_and_fwd_flag", "payment_type", "congestion_surcharge",
]  # fmt: skip


@pytest.fixture(scope="module")
def yellow(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return read_trips(sample(tmp_path_factory.mktemp("yellow"), "yellow", "2021-02", 200_000))


@pytest.fixture(scope="module")
def green(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return read_trips(sample(tmp_path_factory.mktemp("green"), "green", "2020-04", 200_000))


@pytest.fixture(scope="module")
def fhv(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return read_trips(sample(tmp_path_factory.mktemp("fhv"), "fhv", "2019-10", 100_000))


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
    vendors = read_trips(sample(tmp_path, dataset, month, 2000))["VendorID"]
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
    large = read_trips(sample(tmp_path, "fhv", "2021-01", 400_000))
    assert (large[PICKUP].dt.strftime("%Y-%m") != "2021-01").sum() == 26
    tiny = read_trips(sample(tmp_path, "fhv", "2021-01", 99))
    assert (tiny[PICKUP].dt.strftime("%Y-%m") == "2021-01").all()


def test_a_demo_month_has_every_kind_of_dirt(tmp_path: Path) -> None:
    month = read_trips(sample(tmp_path, "yellow", "2021-01", 50_000))
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
        block = read_trips(path)
        block = block[block["VendorID"].isna()]
        for times in (PICKUP, DROPOFF):
            garbled = (block[times].dt.minute == int(month[5:])).mean()
            assert garbled == pytest.approx(share, abs=0.01)
        assert (block[DROPOFF] < block[PICKUP]).any() == (share > 0.1)


def test_nobody_is_picked_up_in_the_hour_that_spring_skips(tmp_path: Path) -> None:
    for path in write_sample(MonthRange.parse("2021-03"), 100_000, tmp_path)[:-1]:
        month = read_trips(path)
        month = month[month[PICKUP].dt.year == 2021]
        for times in (PICKUP, DROPOFF):
            hours = month[times][month[times].dt.strftime("%m-%d") == "03-14"].dt.hour.value_counts()
            assert 2 not in hours
            assert hours[1] > 20
            assert hours[3] > 20
        assert (month[DROPOFF] >= month[PICKUP]).all()


def test_trips_end_before_they_begin_only_on_the_night_that_clocks_go_back(tmp_path: Path) -> None:
    month = read_trips(sample(tmp_path, "yellow", "2019-11", 200_000))
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
    lookup = write_sample(MonthRange.parse("2021-01"), 1, tmp_path)[-1]
    zones = read_zones(lookup.read_bytes()).set_index("locationid")
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
    before = read_trips(sample(tmp_path, "yellow", "2019-01", 20_000))
    after = read_trips(sample(tmp_path, "yellow", "2019-02", 20_000))
    assert before["congestion_surcharge"].isna().mean() == pytest.approx(0.97, abs=0.01)
    assert after["congestion_surcharge"].notna().all()


def test_one_fhv_trip_of_2019_ends_in_the_year_3019(fhv: pd.DataFrame, tmp_path: Path) -> None:
    assert (fhv[DROPOFF].dt.year == 3019).sum() == 1
    later = read_trips(sample(tmp_path, "fhv", "2020-10", 10_000))
    assert (later[DROPOFF].dt.year < 2099).all()


def test_fhv_trips_name_their_base_and_often_no_zone(fhv: pd.DataFrame) -> None:
    assert fhv["dispatching_base_num"].str.fullmatch(r"B\d{5}").all()
    assert fhv["Affiliated_base_number"].str.fullmatch(r"B\d{5}").all()
    assert fhv["SR_Flag"].isna().all()
    assert fhv["PUlocationID"].isna().mean() == pytest.approx(0.4, abs=0.02)
    assert fhv["DOlocationID"].isna().mean() == pytest.approx(0.25, abs=0.02)
