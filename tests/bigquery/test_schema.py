"""The tables: made when they are missing, widened in place, and never taken from another program."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from google.cloud import bigquery

from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.errors import WarehouseRefused

if TYPE_CHECKING:
    from nyc_taxi.bigquery.place import Place
    from tests.google_cloud import GoogleCloud


@pytest.fixture(scope="module")
def place(google_cloud: GoogleCloud) -> Place:
    """A place whose tables were made; the emulator cannot make two at the same time, as BigQuery can."""
    place = google_cloud.set_up()
    BigQueryWarehouse(place, "bigquery_taxi").prepare()
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: BigQueryWarehouse(place, "bigquery_taxi").prepare(), range(3)))
    return place


def table(place: Place, name: str = "green_tripdata") -> bigquery.Table:
    return place.bigquery().get_table(f"{place.project}.{place.raw}.{name}")


def test_trip_tables_have_the_columns_of_the_dataset_with_their_meaning(place: Place) -> None:
    made, dataset = table(place), get_dataset("green")
    names = ["file_month", "filename", "row_number", *(column.name for column in dataset.columns)]
    assert [field.name for field in made.schema] == [*names, "unmapped", "attempt_id"]
    assert [field.description for field in made.schema][3:-2] == [one.description for one in dataset.columns]
    assert made.time_partitioning.field == "file_month"
    assert made.time_partitioning.type_ == "MONTH"
    assert made.clustering_fields == [dataset.pickup]
    assert not made.require_partition_filter
    types = {field.name: field.field_type for field in made.schema}
    assert (types["lpep_pickup_datetime"], types["unmapped"]) == ("DATETIME", "JSON")


def test_a_column_that_is_missing_is_added_and_a_look_is_enough_afterwards(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, older = place.bigquery(), table(place, "fhv_tripdata")
    client.delete_table(older.reference)
    older = bigquery.Table(older.reference, schema=older.schema[:-3])
    older.time_partitioning = bigquery.TimePartitioning(type_="MONTH", field="file_month")
    client.create_table(older)
    warehouse = BigQueryWarehouse(place, "bigquery_taxi")
    warehouse.prepare()
    names = [field.name for field in table(place, "fhv_tripdata").schema]
    assert names[-2:] == ["unmapped", "attempt_id"]
    for method in ("get_table", "create_table", "update_table"):
        monkeypatch.setattr(client, method, None)
    warehouse.prepare()


def test_a_table_of_another_program_is_refused_and_kept(google_cloud: GoogleCloud) -> None:
    place = google_cloud.set_up()
    theirs = f"{place.project}.{place.raw}.taxi_zone_lookup"
    field = bigquery.SchemaField("locationid", "STRING")
    place.bigquery().create_table(bigquery.Table(theirs, schema=[field]))
    with pytest.raises(
        WarehouseRefused, match=r"taxi_zone_lookup.locationid is STRING, and INTEGER is needed"
    ):
        BigQueryWarehouse(place, "bigquery_taxi").prepare()
    assert place.bigquery().get_table(theirs).schema == [field]


def test_who_may_read_can_be_named_again(place: Place) -> None:
    warehouse = BigQueryWarehouse(place, "bigquery_taxi")
    for _ in range(2):
        assert warehouse.grant_reading("user:reader@example.org") is False
    for id in (place.raw, place.ops, f"{place.prefix}marts"):
        entries = place.bigquery().get_dataset(id).access_entries
        assert [one.entity_id for one in entries].count("reader@example.org") == 1
    with pytest.raises(WarehouseRefused, match="'analysts' is not an account"):
        warehouse.grant_reading("analysts")
