"""The layouts of TLC's files: every column of every schema version has its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from nyc_taxi.core.dataset import Dataset, get_dataset
from nyc_taxi.core.month import Month
from nyc_taxi.errors import SchemaDrift
from nyc_taxi.files.csvfile import blocks
from nyc_taxi.files.header import HeaderPlan, plan_csv, plan_names

if TYPE_CHECKING:
    from pathlib import Path

YELLOW_TEXTS = """
    vendor_name tpep_pickup_datetime tpep_dropoff_datetime passenger_count trip_distance pickup_longitude
    pickup_latitude ratecodeid store_and_fwd_flag dropoff_longitude dropoff_latitude payment_type_name
    fare_amount surcharge mta_tax tip_amount tolls_amount total_amount
"""
YELLOW_COORDINATES = """
    vendorid tpep_pickup_datetime tpep_dropoff_datetime passenger_count trip_distance pickup_longitude
    pickup_latitude ratecodeid store_and_fwd_flag dropoff_longitude dropoff_latitude payment_type
    fare_amount extra mta_tax tip_amount tolls_amount improvement_surcharge total_amount
"""
YELLOW_ZONES = """
    vendorid tpep_pickup_datetime tpep_dropoff_datetime passenger_count trip_distance ratecodeid
    store_and_fwd_flag pulocationid dolocationid payment_type fare_amount extra mta_tax tip_amount
    tolls_amount improvement_surcharge total_amount
"""
GREEN_COORDINATES_2014 = """
    vendorid lpep_pickup_datetime lpep_dropoff_datetime store_and_fwd_flag ratecodeid pickup_longitude
    pickup_latitude dropoff_longitude dropoff_latitude passenger_count trip_distance fare_amount extra
    mta_tax tip_amount tolls_amount ehail_fee total_amount payment_type trip_type
"""
GREEN_COORDINATES = GREEN_COORDINATES_2014.replace("ehail_fee", "ehail_fee improvement_surcharge")
GREEN_ZONES = """
    vendorid lpep_pickup_datetime lpep_dropoff_datetime store_and_fwd_flag ratecodeid pulocationid
    dolocationid passenger_count trip_distance fare_amount extra mta_tax tip_amount tolls_amount ehail_fee
    improvement_surcharge total_amount payment_type trip_type
"""
FHV_2017 = "dispatching_base_num pickup_datetime dropoff_datetime pulocationid dolocationid"
FHV_2018 = """
    pickup_datetime dropoff_datetime pulocationid dolocationid sr_flag dispatching_base_number
    dispatching_base_num
"""


def of(file: str) -> tuple[Dataset, Month]:
    """Return what a file's name says that it is."""
    dataset, _, rest = file.split("_")
    return get_dataset(dataset), Month(rest[:7])


def names(plan: HeaderPlan) -> list[str]:
    return [field.name for field in plan.fields]


def unmapped(plan: HeaderPlan) -> list[str]:
    return [field.name for field in plan.fields if field.column is None]


@pytest.mark.parametrize(
    ("file", "columns", "surplus", "data_starts_with", "schema_version"),
    [
        ("yellow_tripdata_2009-01", YELLOW_TEXTS, 0, b"VTS,2009-01-04 02:52:00,", "2009"),
        ("yellow_tripdata_2010-02", YELLOW_TEXTS, 0, b"CMT,2010-02-13 01:46:36,", "2010 to 2014"),
        ("yellow_tripdata_2014-01", YELLOW_TEXTS, 0, b"CMT,2014-01-09 20:45:25,", "2010 to 2014"),
        ("yellow_tripdata_2015-01", YELLOW_COORDINATES, 0, b"2,2015-01-15 19:05:39,", "2015 to June 2016"),
        ("yellow_tripdata_2016-07", YELLOW_ZONES, 2, b"1,2016-07-10 06:56:05,", "July 2016 to 2018"),
        ("yellow_tripdata_2017-01", YELLOW_ZONES, 0, b"1,2017-01-09 11:13:28,", "July 2016 to 2018"),
        (
            "yellow_tripdata_2019-01",
            YELLOW_ZONES + "congestion_surcharge",
            0,
            b"1,2019-01-01 00:46:40,",
            "CSV since 2019",
        ),
        (
            "yellow_tripdata_2020-06",
            YELLOW_ZONES + "congestion_surcharge",
            0,
            b"1,2020-06-01 00:31:23,",
            "CSV since 2019",
        ),
        ("green_tripdata_2014-01", GREEN_COORDINATES_2014, 2, b"2,2014-01-01 00:00:00,", "2013 to 2014"),
        ("green_tripdata_2015-01", GREEN_COORDINATES, 2, b"2,2015-01-01 00:34:42,", "2015 to June 2016"),
        ("green_tripdata_2016-01", GREEN_COORDINATES, 0, b"2,2016-01-01 00:29:24,", "2015 to June 2016"),
        ("green_tripdata_2016-07", GREEN_ZONES, 2, b"2,2016-07-01 00:01:22,", "July 2016 to 2018"),
        (
            "green_tripdata_2019-01",
            GREEN_ZONES + "congestion_surcharge",
            0,
            b"2,2018-12-21 15:17:29,",
            "CSV since 2019, parquet to 2024",
        ),
        (
            "fhv_tripdata_2015-01",
            "dispatching_base_num pickup_datetime pulocationid",
            0,
            b"B00013,2015-01-01 00:30:00,",
            "2015 to 2016",
        ),
        ("fhv_tripdata_2017-01", FHV_2017, 0, b"B00001,2017-01-01 00:30:00,", "January to June 2017"),
        (
            "fhv_tripdata_2017-07",
            FHV_2017 + " sr_flag",
            0,
            b'"B02817","2017-07-18 21:29:00",',
            "July to December 2017, CSV since 2019",
        ),
        ("fhv_tripdata_2018-01", FHV_2018, 0, b'"2018-01-30 21:06:50",', "2018"),
        (
            "fhv_tripdata_2019-01",
            FHV_2017 + " sr_flag",
            0,
            b"B00001,2019-01-01 00:30:00,",
            "July to December 2017, CSV since 2019",
        ),
        (
            "fhv_tripdata_2020-01",
            FHV_2017 + " sr_flag",
            0,
            b"B00001,2020-01-01 00:30:00,",
            "July to December 2017, CSV since 2019",
        ),
    ],
)
def test_the_first_csv_of_each_schema_version_has_its_plan(
    real_data: Path, file: str, columns: str, surplus: int, data_starts_with: bytes, schema_version: str
) -> None:
    content = next(blocks(real_data / "eras" / f"{file}.csv"))

    dataset, month = of(file)
    plan = plan_csv(dataset, content, month)

    extra = [f"surplus_{number}" for number in range(1, surplus + 1)]
    assert names(plan) == [*columns.split(), *extra]
    assert unmapped(plan) == extra
    assert (plan.missing, plan.unknown) == ((), ())
    assert plan.schema_version == schema_version
    # Headers end in LF in half of these files; the rows of all of them end in CRLF.
    assert plan.line_end == b"\r\n"
    assert content[plan.data_offset :].startswith(data_starts_with)
    assert ",".join(plan.header) == content.split(b"\n")[0].rstrip(b"\r").replace(b'"', b"").decode()


@pytest.mark.parametrize(
    ("file", "line_end", "columns"),
    [
        ("green_tripdata_2020-04.csv.gz", b"\r\n", GREEN_ZONES + "congestion_surcharge"),
        ("yellow_tripdata_2020-01.head999.csv", b"\r\n", YELLOW_ZONES + "congestion_surcharge"),
        ("yellow_tripdata_2021-01.head22792.csv", b"\n", YELLOW_ZONES + "congestion_surcharge"),
    ],
)
def test_real_files_go_straight_to_their_columns(
    real_data: Path, file: str, line_end: bytes, columns: str
) -> None:
    dataset, month = of(file)
    plan = plan_csv(dataset, next(blocks(real_data / "real" / file)), month)

    assert names(plan) == columns.split()
    assert unmapped(plan) == []
    assert plan.line_end == line_end
    assert (plan.missing, plan.unknown) == ((), ())


@pytest.mark.parametrize(
    ("file", "columns", "schema_version"),
    [
        (
            "green_tripdata_2021-01.parquet",
            GREEN_ZONES + "congestion_surcharge",
            "CSV since 2019, parquet to 2024",
        ),
        (
            "green_tripdata_2025-11.parquet",
            GREEN_ZONES + "congestion_surcharge cbd_congestion_fee",
            "since 2025",
        ),
    ],
)
def test_real_parquet_files_go_straight_to_their_columns(
    real_data: Path, file: str, columns: str, schema_version: str
) -> None:
    dataset, month = of(file)
    plan = plan_names(dataset, pq.read_schema(real_data / "real" / file).names, month)

    assert names(plan) == columns.split()
    assert (unmapped(plan), plan.missing, plan.unknown, plan.schema_version) == ([], (), (), schema_version)


def test_both_layouts_of_the_high_volume_services_are_recognised(real_data: Path) -> None:
    content = next(blocks(real_data / "eras" / "fhvhv_tripdata_2019-02.csv"))
    of_csv = plan_csv(get_dataset("fhvhv"), content, Month("2019-02"))
    assert (of_csv.schema_version, of_csv.missing, of_csv.unknown) == ("CSV, 2019 to 2021", (), ())

    header = [
        "hvfhs_license_num", "dispatching_base_num", "originating_base_num", "request_datetime",
        "on_scene_datetime", "pickup_datetime", "dropoff_datetime", "PULocationID", "DOLocationID",
        "trip_miles",
        "trip_time", "base_passenger_fare", "tolls", "bcf", "sales_tax", "congestion_surcharge",
        "airport_fee", "tips", "driver_pay", "shared_request_flag", "shared_match_flag", "access_a_ride_flag",
        "wav_request_flag", "wav_match_flag",
    ]  # fmt: skip
    for names_, month, version in (
        (header, "2021-01", "parquet, 2019 to 2024"),
        ([*header, "cbd_congestion_fee"], "2025-01", "since 2025"),
    ):
        plan = plan_names(get_dataset("fhvhv"), names_, Month(month))
        assert (plan.schema_version, plan.missing, plan.unknown) == (version, (), ())


def test_the_high_volume_services_are_not_loaded_as_fhv(real_data: Path) -> None:
    content = next(blocks(real_data / "eras" / "fhvhv_tripdata_2019-02.csv"))

    with pytest.raises(SchemaDrift, match="column hvfhs_license_num is only in files of fhvhv"):
        plan_csv(get_dataset("fhv"), content, Month("2019-02"))


MODERN_YELLOW = """
    VendorID tpep_pickup_datetime tpep_dropoff_datetime passenger_count trip_distance RatecodeID
    store_and_fwd_flag PULocationID DOLocationID payment_type fare_amount extra mta_tax tip_amount
    tolls_amount improvement_surcharge total_amount congestion_surcharge
"""
YELLOW_2009 = """
    vendor_name Trip_Pickup_DateTime Trip_Dropoff_DateTime Passenger_Count Trip_Distance Start_Lon Start_Lat
    Rate_Code store_and_forward End_Lon End_Lat Payment_Type Fare_Amt surcharge mta_tax Tip_Amt Tolls_Amt
    Total_Amt
"""
YELLOW_2010 = """
    vendor_id pickup_datetime dropoff_datetime passenger_count trip_distance pickup_longitude pickup_latitude
    rate_code store_and_fwd_flag dropoff_longitude dropoff_latitude payment_type fare_amount surcharge mta_tax
    tip_amount tolls_amount total_amount
"""
GREEN_2013 = """
    VendorID lpep_pickup_datetime Lpep_dropoff_datetime Store_and_fwd_flag RateCodeID Pickup_longitude
    Pickup_latitude Dropoff_longitude Dropoff_latitude Passenger_count Trip_distance Fare_amount Extra MTA_tax
    Tip_amount Tolls_amount Ehail_fee Total_amount Payment_type Trip_type
"""
FHV_AGAIN = """
    dispatching_base_num pickup_datetime dropOff_datetime PUlocationID DOlocationID SR_Flag
    Affiliated_base_number
"""
YELLOW_PARQUET = YELLOW_ZONES + "congestion_surcharge airport_fee"


@pytest.mark.parametrize(
    ("dataset", "month", "header", "columns", "schema_version"),
    [
        ("yellow", "2009-03", YELLOW_2009, YELLOW_TEXTS, "2009"),
        ("yellow", "2010-01", YELLOW_2010, YELLOW_TEXTS, "2010 to 2014"),
        ("yellow", "2011-01", MODERN_YELLOW + "airport_fee", YELLOW_PARQUET, "parquet, 2011 to 2024"),
        ("yellow", "2023-02", MODERN_YELLOW + "Airport_fee", YELLOW_PARQUET, "parquet, 2011 to 2024"),
        (
            "yellow",
            "2025-01",
            MODERN_YELLOW + "Airport_fee cbd_congestion_fee",
            YELLOW_PARQUET + " cbd_congestion_fee",
            "since 2025",
        ),
        ("green", "2013-08", GREEN_2013, GREEN_COORDINATES_2014, "2013 to 2014"),
        ("fhv", "2016-01", FHV_AGAIN, FHV_2017 + " sr_flag affiliated_base_number", "issued again, parquet"),
    ],
)
def test_schema_versions_without_a_file_here_map_completely_too(
    dataset: str, month: str, header: str, columns: str, schema_version: str
) -> None:
    from_names = plan_names(get_dataset(dataset), header.split(), Month(month))
    from_csv = plan_csv(get_dataset(dataset), ",".join(header.split()).encode() + b"\r\n", Month(month))

    assert names(from_names) == columns.split()
    assert (unmapped(from_names), from_names.missing, from_names.unknown) == ([], (), ())
    assert from_names.schema_version == schema_version
    assert (from_csv.fields, from_csv.schema_version) == (from_names.fields, schema_version)
