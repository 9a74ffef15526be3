"""Descriptions of datasets: those of the package, and what a description may not say."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from local.environment import CHECKOUT
from nyc_taxi.core.dataset import (
    Column,
    Dataset,
    RejectLimit,
    dataset_names,
    get_dataset,
    normalise,
    parse_dataset,
)
from nyc_taxi.core.month import Month
from nyc_taxi.errors import ContractError

SPECS = files("nyc_taxi.core").joinpath("datasets")


@pytest.fixture(params=["yellow", "green", "fhv", "fhvhv"])
def dataset(request: pytest.FixtureRequest) -> Dataset:
    return get_dataset(request.param)


@pytest.fixture
def spec() -> dict[str, Any]:
    """A small description, which each test breaks in its own way."""
    text = """
        name: pink
        title: Pink taxi trips
        description: One row is one trip.
        first_month: "2020-01"
        pickup: began
        dropoff: ended
        required: [began]
        on_unknown: keep
        on_repeated: fail
        on_missing: "null"
        rejects: {rows: 5, share: 0.5}
        limits: {neighbours: [0.5, 2], replaced: 0.9, outside: 0.01}
        filled: [fare]
        columns:
          - {name: began, type: timestamp, description: When it began., aliases: [start]}
          - {name: ended, type: timestamp, description: When it ended.}
          - {name: fare, type: double, description: What it cost.}
        schema_versions:
          - {name: first, first_month: "2020-01", renames: {price: fare}, columns: [began, ended, fare]}
    """
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def parse(spec: dict[str, Any]) -> Dataset:
    return parse_dataset(yaml.safe_dump(spec), "pink.yaml")


def test_datasets_are_listed_by_the_length_of_their_history() -> None:
    assert dataset_names() == ("yellow", "green", "fhv", "fhvhv")


@pytest.mark.parametrize(
    ("name", "first_month", "table", "pickup", "dropoff", "required"),
    [
        (
            "yellow",
            "2009-01",
            "yellow_tripdata",
            "tpep_pickup_datetime",
            "tpep_dropoff_datetime",
            ("tpep_pickup_datetime",),
        ),
        (
            "green",
            "2013-08",
            "green_tripdata",
            "lpep_pickup_datetime",
            "lpep_dropoff_datetime",
            ("lpep_pickup_datetime",),
        ),
        (
            "fhv",
            "2015-01",
            "fhv_tripdata",
            "pickup_datetime",
            "dropoff_datetime",
            ("pickup_datetime", "dispatching_base_num"),
        ),
        (
            "fhvhv",
            "2019-02",
            "fhvhv_tripdata",
            "pickup_datetime",
            "dropoff_datetime",
            ("pickup_datetime", "hvfhs_license_num"),
        ),
    ],
)
def test_facts_of_the_datasets(
    name: str, first_month: str, table: str, pickup: str, dropoff: str, required: tuple[str, ...]
) -> None:
    dataset = get_dataset(name)

    assert dataset.name == name
    assert dataset.first_month == Month(first_month)
    assert dataset.table == table
    assert (dataset.pickup, dataset.dropoff) == (pickup, dropoff)
    assert dataset.required == required
    assert (dataset.on_unknown, dataset.on_repeated, dataset.on_missing) == ("keep", "fail", "fail")
    assert dataset.rejects == RejectLimit(rows=1000, share=0.01)


@pytest.mark.parametrize(
    ("name", "types"),
    [
        (
            "yellow",
            {
                "integer": {
                    "vendorid", "passenger_count", "ratecodeid", "pulocationid", "dolocationid",
                    "payment_type",
                },
                "timestamp": {"tpep_pickup_datetime", "tpep_dropoff_datetime"},
                "text": {"store_and_fwd_flag", "vendor_name", "payment_type_name"},
                "double": {
                    "trip_distance", "fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount",
                    "improvement_surcharge", "total_amount", "congestion_surcharge", "airport_fee",
                    "cbd_congestion_fee", "surcharge", "pickup_longitude", "pickup_latitude",
                    "dropoff_longitude", "dropoff_latitude",
                },
            },
        ),
        (
            "green",
            {
                "integer": {
                    "vendorid", "passenger_count", "ratecodeid", "pulocationid", "dolocationid",
                    "payment_type", "trip_type",
                },
                "timestamp": {"lpep_pickup_datetime", "lpep_dropoff_datetime"},
                "text": {"store_and_fwd_flag"},
                "double": {
                    "trip_distance", "fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount",
                    "ehail_fee", "improvement_surcharge", "total_amount", "congestion_surcharge",
                    "cbd_congestion_fee", "pickup_longitude", "pickup_latitude", "dropoff_longitude",
                    "dropoff_latitude",
                },
            },
        ),
        (
            "fhv",
            {
                "integer": {"pulocationid", "dolocationid", "sr_flag"},
                "timestamp": {"pickup_datetime", "dropoff_datetime"},
                "text": {"dispatching_base_num", "affiliated_base_number", "dispatching_base_number"},
            },
        ),
        (
            "fhvhv",
            {
                "integer": {"pulocationid", "dolocationid", "trip_time", "sr_flag"},
                "timestamp": {
                    "request_datetime", "on_scene_datetime", "pickup_datetime", "dropoff_datetime",
                },
                "text": {
                    "hvfhs_license_num", "dispatching_base_num", "originating_base_num",
                    "shared_request_flag",
                    "shared_match_flag", "access_a_ride_flag", "wav_request_flag", "wav_match_flag",
                },
                "double": {
                    "trip_miles", "base_passenger_fare", "tolls", "bcf", "sales_tax", "congestion_surcharge",
                    "airport_fee", "tips", "driver_pay", "cbd_congestion_fee",
                },
            },
        ),
    ],
)  # fmt: skip
def test_types_of_the_columns(name: str, types: dict[str, set[str]]) -> None:
    found: dict[str, set[str]] = {}
    for column in get_dataset(name).columns:
        found.setdefault(column.type, set()).add(column.name)

    assert found == types


def test_every_column_is_described_by_one_sentence(dataset: Dataset) -> None:
    for column in dataset.columns:
        assert column.description[0].isalnum(), column.name
        assert column.description.endswith("."), column.name
        assert ". " not in column.description, column.name


def test_every_column_belongs_to_an_era(dataset: Dataset) -> None:
    assert {column.name for column in dataset.columns} == {
        name for schema_version in dataset.schema_versions for name in schema_version.columns
    }


def test_every_month_has_a_layout_and_no_two_layouts_of_a_month_are_equal(dataset: Dataset) -> None:
    month = dataset.first_month
    while month < Month("2026-12"):
        layouts = [frozenset(one.columns) for one in dataset.versions_of(month)]
        assert len(layouts) == len(set(layouts)) <= 3, month
        month = month.next()


def test_a_column_is_found_by_name() -> None:
    assert get_dataset("fhv").column("sr_flag").type == "integer"


def test_a_column_that_is_not_there_is_an_error_that_names_it() -> None:
    with pytest.raises(ContractError, match="fhv has no column fare_amount"):
        get_dataset("fhv").column("fare_amount")


@pytest.mark.parametrize("name", ["shared", "Yellow", "", "dataset.schema", "../sources"])
def test_an_unknown_dataset_is_an_error_that_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ContractError, match="yellow, green, fhv, fhvhv"):
        get_dataset(name)


def test_a_dataset_is_read_once() -> None:
    assert get_dataset("yellow") is get_dataset("yellow")


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("VendorID", "vendorid"),
        (" pickup_datetime", "pickup_datetime"),
        ("Trip_type ", "trip_type"),
        ("\ufeffVendorID", "vendorid"),
        ('"SR_Flag"', "sr_flag"),
        (' "Trip Type"\t', "trip type"),
        ("\u00a0extra\r", "extra"),
        ("  ", ""),
    ],
)
def test_names_are_compared_without_case_and_padding(name: str, normal: str) -> None:
    assert normalise(name) == normal


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json.loads(SPECS.joinpath("dataset.schema.json").read_text("utf-8")))


def test_a_description_is_read_completely(spec: dict[str, Any]) -> None:
    spec["foreign"] = {"brown": "brown, another service"}

    dataset = parse(spec)

    assert dataset.columns[0] == Column("began", "timestamp", "When it began.", ("start",))
    assert dataset.schema_versions[0].name == "first"
    assert (dataset.schema_versions[0].first_month, dataset.schema_versions[0].last_month) == (
        Month("2020-01"),
        None,
    )
    assert dataset.schema_versions[0].renames == {"price": "fare"}
    assert dataset.schema_versions[0].columns == ("began", "ended", "fare")
    assert dataset.rejects == RejectLimit(5, 0.5)
    assert dataset.foreign == {"brown": "brown, another service"}


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["name"], "Pink", "name: 'Pink' does not match"),
        (["first_month"], "2020-13", "first_month: '2020-13' does not match"),
        (["pickup"], "start", "pickup: start is not a timestamp column"),
        (["dropoff"], "fare", "dropoff: fare is not a timestamp column"),
        (["required"], ["ended"], "required: the pickup column began is not among them"),
        (["required"], ["began", "tip"], "required: tip is not one of the columns"),
        (["on_unknown"], "drop", "on_unknown: 'drop' is not one of"),
        (["on_missing"], None, "on_missing: None is not one of"),
        (["rejects", "share"], 2, "rejects/share: 2 is greater than the maximum of 1"),
        (["limits", "replaced"], 2, "limits/replaced: 2 is greater than the maximum of 1"),
        (["filled"], ["tip"], "filled: tip is not one of the columns"),
        (["rejects", "rows"], -1, "rejects/rows: -1 is less than the minimum of 0"),
        (["colour"], "pink", "top level: Additional properties are not allowed"),
        (["columns", 2, "type"], "money", "columns/2/type: 'money' is not one of"),
        (["columns", 2, "name"], "Fare", "columns/2/name: 'Fare' does not match"),
        (["columns", 2, "name"], "file_month", "columns/2/name: 'file_month' should not be valid"),
        (["columns", 2, "name"], "filename", "columns/2/name: 'filename' should not be valid"),
        (["columns", 2, "name"], "row_number", "columns/2/name: 'row_number' should not be valid"),
        (["columns", 2, "name"], "unmapped", "columns/2/name: 'unmapped' should not be valid"),
        (["columns", 2, "name"], "ended", "columns/2: ended already means ended"),
        (["columns", 2, "aliases"], ["start"], "columns/2: start already means began"),
        (["columns", 2, "aliases"], ["st_art"], "columns/2: st_art already means began"),
        (["columns", 2, "aliases"], ["Fare_Amt"], "columns/2/aliases/0: 'Fare_Amt' does not match"),
        (["columns", 2, "description"], "", "columns/2/description: '' "),
        (
            ["schema_versions", 0, "first_month"],
            "2020",
            "schema_versions/0/first_month: '2020' does",
        ),
        (
            ["schema_versions", 0, "renames"],
            {"price": "cost"},
            "schema_versions/0/renames: cost is not one of the columns",
        ),
        (
            ["schema_versions", 0, "renames"],
            {"Price": "fare"},
            "schema_versions/0/renames: 'Price' does not match",
        ),
        (
            ["schema_versions", 0, "columns"],
            ["began", "tip"],
            "schema_versions/0/columns: tip is not one of the columns",
        ),
    ],
)
def test_a_wrong_description_is_refused_with_its_place(
    spec: dict[str, Any], path: list[str | int], value: object, said: str
) -> None:
    place: Any = spec
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    with pytest.raises(ContractError, match=rf"pink\.yaml, {said}.*Correct the file"):
        parse(spec)


def test_two_eras_of_one_name_are_refused(spec: dict[str, Any]) -> None:
    spec["schema_versions"].append({"name": "first", "first_month": "2021-01", "columns": ["ended"]})

    with pytest.raises(
        ContractError, match=r"pink\.yaml, schema_versions/1: there is already a schema version first"
    ):
        parse(spec)


@pytest.mark.parametrize("key", ["name", "columns", "schema_versions", "rejects", "pickup", "required"])
def test_an_incomplete_description_is_refused(spec: dict[str, Any], key: str) -> None:
    del spec[key]

    with pytest.raises(ContractError, match=rf"pink\.yaml, top level: '{key}' is a required property"):
        parse(spec)


@pytest.mark.parametrize("text", ["name: [", "- a\n- b", "", "name: !!python/object:os.system {}"])
def test_a_text_that_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match=r"pink\.yaml"):
        parse_dataset(text, "pink.yaml")


def test_dbt_has_models_of_every_dataset() -> None:
    project = yaml.safe_load((CHECKOUT / "dbt_project" / "dbt_project.yml").read_text("utf-8"))

    assert set(project["vars"]["datasets"]) == set(dataset_names())
