"""Columns by name: whatever the order and the spelling of a header, and whatever is not known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nyc_taxi.core.dataset import get_dataset, key
from nyc_taxi.core.month import Month
from nyc_taxi.errors import SchemaDrift
from nyc_taxi.files.header import UNRECOGNISED, HeaderPlan, plan_csv, plan_names
from tests.files.trips import lenient
from tests.trips import MONTH

if TYPE_CHECKING:
    from nyc_taxi.core.dataset import Dataset

YELLOW, GREEN, FHV = map(lenient, ("yellow", "green", "fhv"))

MODERN_YELLOW = [
    "VendorID", "tpep_pickup_datetime", "tpep_dropoff_datetime", "passenger_count", "trip_distance",
    "RatecodeID", "store_and_fwd_flag", "PULocationID", "DOLocationID", "payment_type", "fare_amount",
    "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge", "total_amount",
    "congestion_surcharge",
]  # fmt: skip


def names(plan: HeaderPlan) -> list[str]:
    return [field.name for field in plan.fields]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(
            ["tpep_pickup_datetime", "New Fee"], ["tpep_pickup_datetime", "-new fee"], id="an unknown column"
        ),
        pytest.param(
            ["fare", "tpep_pickup_datetime", "FARE", "fare_2"],
            ["-fare", "tpep_pickup_datetime", "-fare_2", "-fare_2_2"],
            id="unknown columns of one name",
        ),
        pytest.param(
            ["tpep_pickup_datetime", "VendorID", "vendorid", " vendorid"],
            ["tpep_pickup_datetime", "vendorid", "-vendorid_2", "-vendorid_3"],
            id="a column twice: the first has it",
        ),
        pytest.param(
            ["fare_amt", "tpep_pickup_datetime", "fare_amount"],
            ["-fare_amt", "tpep_pickup_datetime", "fare_amount"],
            id="an alias next to the name: the name has it",
        ),
        pytest.param(
            ["tpep_pickup_datetime", "", "extra", ""],
            ["tpep_pickup_datetime", "-unnamed_2", "extra", "-unnamed_4"],
            id="empty names",
        ),
        pytest.param(
            ["vendor_id", "vendor_name", "tpep_pickup_datetime", "VendorID"],
            ["vendorid", "vendor_name", "tpep_pickup_datetime", "-vendorid_2"],
            id="number and text of the vendor",
        ),
        pytest.param(
            ["tpep_pickup_datetime", "payment_type", "file_month", "row_number"],
            ["tpep_pickup_datetime", "payment_type", "-file_month", "-row_number"],
            id="names of the table's own columns",
        ),
    ],
)
def test_no_field_of_a_header_is_lost(header: list[str], expected: list[str]) -> None:
    plan = plan_names(replace(YELLOW, on_repeated="keep"), header, MONTH)

    assert ["" if field.column else "-" for field in plan.fields] == [
        "-" if name.startswith("-") else "" for name in expected
    ]
    assert names(plan) == [name.removeprefix("-") for name in expected]
    assert plan.unknown == tuple(name[1:] for name in expected if name.startswith("-"))


def test_columns_that_a_file_of_the_schema_version_should_have_are_reported_missing() -> None:
    header = [name for name in MODERN_YELLOW if name not in {"extra", "VendorID"}]

    plan = plan_names(YELLOW, header, MONTH)

    assert plan.missing == ("vendorid", "extra")
    assert plan.schema_version == UNRECOGNISED


def test_without_a_schema_version_the_most_similar_one_decides_what_is_missing() -> None:
    names = ["tpep_pickup_datetime", "payment_type", "surcharge", "vendor_id"]
    plan = plan_names(YELLOW, names, Month("2010-05"))

    assert plan.schema_version == UNRECOGNISED
    assert {"trip_distance", "mta_tax", "pickup_longitude"} < set(plan.missing)
    assert {"vendor_name", "payment_type_name", "pulocationid"}.isdisjoint(plan.missing)


def test_missing_columns_are_refused_where_the_policy_says_so() -> None:
    strict = replace(YELLOW, on_missing="fail")

    assert plan_names(strict, MODERN_YELLOW, MONTH).missing == ()
    with pytest.raises(SchemaDrift, match=r"lacks extra, which every .*yellow\.yaml"):
        plan_names(strict, [name for name in MODERN_YELLOW if name != "extra"], MONTH)


def test_unknown_columns_are_refused_where_the_policy_says_so() -> None:
    strict = replace(YELLOW, on_unknown="fail")
    header = ",".join(MODERN_YELLOW)

    assert plan_csv(strict, f"{header}\n{',' * 19}\n".encode(), MONTH).unknown == ()
    with pytest.raises(SchemaDrift, match=r"unknown columns new_fee, .*yellow\.yaml"):
        plan_csv(strict, f"{header},New_Fee\n".encode(), MONTH)


@pytest.mark.parametrize(
    ("second", "column"),
    [("Extra", "extra"), (' "VendorID" ', "vendorid"), ("fare_amt", "fare_amount")],
)
def test_a_second_column_for_the_same_thing_is_refused_unless_the_policy_keeps_it(
    second: str, column: str
) -> None:
    header = [*MODERN_YELLOW, second]

    with pytest.raises(SchemaDrift, match=rf"more than one column for {column}\..*yellow\.yaml"):
        plan_names(YELLOW, header, MONTH)
    assert len(plan_names(replace(YELLOW, on_repeated="keep"), header, MONTH).unknown) == 1


def test_columns_that_nothing_knows_may_have_one_name() -> None:
    assert plan_names(YELLOW, [*MODERN_YELLOW, "moon", "Moon"], MONTH).unknown == ("moon", "moon_2")


def test_the_two_base_numbers_of_2018_are_two_columns() -> None:
    header = ["Pickup_DateTime", "Dispatching_base_number", "Dispatching_base_num"]

    assert names(plan_names(FHV, header, MONTH)) == [name.lower() for name in header]


HEADERS = {
    "yellow": ",".join(MODERN_YELLOW),
    "green": "VendorID,lpep_pickup_datetime,lpep_dropoff_datetime,PULocationID,fare_amount,trip_type",
    "fhv": "dispatching_base_num,pickup_datetime,dropOff_datetime,PUlocationID,DOlocationID,SR_Flag",
    "fhvhv": "hvfhs_license_num,dispatching_base_num,pickup_datetime,dropoff_datetime,PULocationID,SR_Flag",
    "yellow of 2010": "vendor_id,pickup_datetime,dropoff_datetime,payment_type,fare_amount",
}


@pytest.mark.parametrize(
    ("file", "dataset"),
    [
        (file, dataset)
        for file in HEADERS
        for dataset in ("yellow", "green", "fhv", "fhvhv")
        if dataset != file.split()[0] and (file, dataset) != ("fhvhv", "fhv")
    ],
)
def test_a_file_of_another_dataset_is_refused_and_recognised(file: str, dataset: str) -> None:
    with pytest.raises(SchemaDrift) as refused:
        plan_csv(get_dataset(dataset), HEADERS[file].encode() + b"\n", MONTH)

    message = str(refused.value)
    assert f"looks like a file of {file.split()[0]}:" in message
    assert "It has " in message
    assert HEADERS[file].lower().replace(",", ", ") in message


def test_a_file_of_no_dataset_is_not_taken_for_one_that_it_resembles() -> None:
    header = b"dispatching_base_num,began,ended,PULocationID\n"

    with pytest.raises(SchemaDrift) as refused:
        plan_csv(YELLOW, header, MONTH)
    assert "looks like" not in str(refused.value)


def test_a_file_without_its_pickup_is_refused_with_the_columns_that_it_has() -> None:
    with pytest.raises(SchemaDrift) as refused:
        plan_csv(GREEN, b"VendorID,pickup_time,trip_type\n", MONTH)

    assert str(refused.value) == (
        "The file has no column for lpep_pickup_datetime, which every file of green needs. It has "
        "vendorid, pickup_time, trip_type. If TLC has renamed a column, add the new name to its aliases in "
        "green.yaml."
    )


@pytest.mark.parametrize(
    ("dataset", "month", "header"),
    [
        (  # dlt, Mage, pandas
            "yellow",
            "2021-01",
            "vendor_id,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,ratecode_id,"
            "store_and_fwd_flag,pu_location_id,do_location_id,payment_type,fare_amount,extra,mta_tax,tip_amount,"
            "tolls_amount,improvement_surcharge,total_amount,congestion_surcharge",
        ),
        (  # samples of teaching material
            "yellow",
            "2020-10",
            "vendor_id,pickup_datetime,dropoff_datetime,passenger_count,trip_distance,rate_code_id,"
            "store_and_fwd_flag,pickup_location_id,dropoff_location_id,payment_type,fare_amount,extra,mta_tax,"
            "tip_amount,tolls_amount,improvement_surcharge,total_amount,congestion_surcharge",
        ),
        (  # names in camel case
            "green",
            "2018-05",
            "vendorID,lpepPickupDatetime,lpepDropoffDatetime,storeAndFwdFlag,rateCodeID,puLocationId,"
            "doLocationId,passengerCount,tripDistance,fareAmount,extra,mtaTax,tipAmount,tollsAmount,ehailFee,"
            "improvementSurcharge,totalAmount,paymentType,tripType",
        ),
        (  # public tables of a warehouse
            "green",
            "2018-05",
            "vendor_id,pickup_datetime,dropoff_datetime,store_and_fwd_flag,rate_code,passenger_count,"
            "trip_distance,fare_amount,extra,mta_tax,tip_amount,tolls_amount,ehail_fee,total_amount,"
            "payment_type,trip_type,imp_surcharge,pickup_location_id,dropoff_location_id",
        ),
        (
            "fhv",
            "2019-01",
            "dispatch-base-num,pickup datetime,drop-off datetime,PU location ID,DO location ID,sr flag",
        ),
    ],
)
def test_names_are_matched_without_case_blanks_underscores_and_dashes_and_by_the_aliases_seen(
    dataset: str, month: str, header: str
) -> None:
    plan = plan_csv(get_dataset(dataset), f"{header}\n".encode(), Month(month))

    assert (plan.missing, plan.unknown) == ((), ())
    assert all(field.column for field in plan.fields)
    assert plan.schema_version != UNRECOGNISED


@pytest.mark.parametrize(
    ("dataset", "month", "header", "said"),
    [
        ("yellow", "2023-03", "tpep_pickup_datetime", "lacks vendorid, tpep_dropoff_datetime, .*2023-03 has"),
        (
            "green",
            "2018-01",
            "lpep_pickup_datetime",
            "lacks vendorid, .*pulocationid, .* of 2018-01",
        ),
        (
            "yellow",
            "2023-02",
            "vendor_id,pickup_datetime,dropoff_datetime,pickup_location_id,dropoff_location_id,payment_type,"
            "total_amount",
            "lacks passenger_count, trip_distance, ratecodeid, store_and_fwd_flag, fare_amount, extra",
        ),
        (
            "yellow",
            "2025-03",
            f"{','.join(MODERN_YELLOW)},airport_fee",
            "lacks cbd_congestion_fee, which every yellow file of 2025-03 has",
        ),
        (
            "green",
            "2018-01",
            "vendorid,lpep_pickup_datetime,pickup_zone,total_amount",
            "If they are called pickup_zone in it, .*aliases in green.yaml.*set on_missing to null",
        ),
    ],
)
def test_a_file_that_lacks_columns_which_every_file_of_its_time_has_is_refused_naming_them(
    dataset: str, month: str, header: str, said: str
) -> None:
    with pytest.raises(SchemaDrift, match=said):
        plan_csv(get_dataset(dataset), f"{header}\n".encode(), Month(month))

    plan = plan_csv(lenient(dataset), f"{header}\n".encode(), Month(month))
    assert plan.schema_version == UNRECOGNISED
    assert plan.missing


def test_a_file_with_columns_of_two_datasets_is_of_neither() -> None:
    header = f"{','.join(MODERN_YELLOW)},lpep_pickup_datetime,color"
    with pytest.raises(SchemaDrift, match=r"not of yellow alone: .* lpep_pickup_datetime .* Split it"):
        plan_csv(YELLOW, f"{header}\n".encode(), MONTH)


HEADERS_BY_VERSION = [
    (dataset, schema_version)
    for dataset in (YELLOW, GREEN, FHV)
    for schema_version in dataset.schema_versions
    if not schema_version.renames
]


@st.composite
def altered_headers(draw: st.DrawFn) -> tuple[Dataset, Month, list[str], list[str]]:
    """A dataset, a month, a header altered in every way at once, and the name each field should get."""
    dataset, version = draw(st.sampled_from(HEADERS_BY_VERSION))
    month = version.last_month or Month("2026-01")
    optional = [name for name in version.columns if name not in dataset.required]
    kept = [*dataset.required, *draw(st.lists(st.sampled_from(optional), unique=True))]
    columns = {column.name for column in dataset.columns}
    known = columns | {alias for column in dataset.columns for alias in column.aliases} | set(dataset.foreign)
    keys = set(map(key, known))
    new = draw(
        st.lists(
            st.from_regex(r"[a-z][a-z_ ]{0,8}[a-z]", fullmatch=True).filter(
                lambda name: key(name) not in keys
            ),
            unique=True,
            max_size=4,
        )
    )
    expected = draw(st.permutations([*kept, *new]))
    header = [
        draw(st.sampled_from(["", " ", "\t"]))
        + "".join(draw(spelling(letter, known=name in columns)) for letter in name)
        + draw(st.sampled_from(["", " ", "  "]))
        for name in expected
    ]
    return dataset, month, header, expected


def spelling(letter: str, *, known: bool) -> st.SearchStrategy[str]:
    """Return ways to write a letter; those that unknown columns keep only when it is not of a known one."""
    if letter == "_" and known:
        return st.sampled_from(["_", "", " ", "-", "__"])
    return st.sampled_from([letter.lower(), letter.upper()])


@given(altered_headers(), st.booleans(), st.booleans(), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_permuted_recased_padded_dropped_and_added_columns_map_by_name(
    altered: tuple[Dataset, Month, list[str], list[str]], quoted: bool, mark: bool, line_end: bytes
) -> None:
    dataset, month, header, expected = altered
    columns = {column.name: column for column in dataset.columns}
    written = ",".join(f'"{name}"' if quoted else name for name in header).encode()
    row = ",".join(map(str, range(len(header)))).encode()

    byte_order_mark = b"\xef\xbb\xbf" if mark else b""
    plan = plan_csv(dataset, byte_order_mark + (written + line_end) + (row + line_end) * 3, month)

    assert [(field.name, field.column) for field in plan.fields] == [
        (name, columns.get(name)) for name in expected
    ]
    assert set(plan.unknown) == {name for name in expected if name not in columns}
    assert plan.header == tuple(header)
    assert plan.line_end == line_end
    assert not set(plan.missing) & set(expected)


@given(
    st.lists(
        st.sampled_from(["vendorid", "VendorID", "vendor_id", "fare_amt", "fare_amount", "x", "", "x_2"])
    ),
    st.integers(0, 3),
)
def test_every_field_has_exactly_one_place(others: list[str], surplus: int) -> None:
    header = ["tpep_pickup_datetime", *others]
    row = "," * (len(header) - 1 + surplus)

    yellow = replace(YELLOW, on_repeated="keep")
    plan = plan_csv(yellow, f"{','.join(header)}\nt{row}\n".encode(), MONTH)

    assert len(plan.fields) == len(header) + surplus
    assert len(set(names(plan))) == len(plan.fields)
    for field in plan.fields:
        assert field.column is None or field.column.name == field.name
