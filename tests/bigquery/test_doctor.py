"""What the doctor finds that only BigQuery and a bucket can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud import bigquery

from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from nyc_taxi.load.attempt import Outcome
from tests.bigquery.dying import die_after
from tests.trips import MONTH, green, published
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.bigquery.place import Place


def test_tables_and_objects_that_no_attempt_needs_are_found_and_removed(
    bigquery_place: Place, tmp_path: Path
) -> None:
    place, client = bigquery_place, bigquery_place.bigquery()
    warehouse = BigQueryWarehouse(place, "bigquery_taxi")
    with warehouse.begin(published(green(tmp_path)), "alive") as attempt:
        for number in (1, attempt.id):
            name = f"{place.project}.{place.stage}.green_tripdata_2021_01_{number}"
            client.create_table(bigquery.Table(name, schema=[bigquery.SchemaField("a", "INTEGER")]))
            blob = place.storage().bucket(place.bucket).blob(f"staged/green/2021-01/{number}.parquet")
            blob.upload_from_string(b"rows")
        found = warehouse.findings()
        assert [(one.what, one.where, one.done) for one in found] == [
            ("stage table", f"{place.stage}.green_tripdata_2021_01_1", ""),
            ("staged object", f"gs://{place.bucket}/staged/green/2021-01/1.parquet", ""),
        ]
        assert [one.done for one in warehouse.findings(clean=True)] == ["removed", "removed"]
        assert warehouse.findings() == []
        (kept,) = client.list_tables(place.stage)
        assert kept.table_id == f"green_tripdata_2021_01_{attempt.id}"


def test_a_publication_that_was_cut_short_is_finished(bigquery_place: Place, tmp_path: Path) -> None:
    warehouse = BigQueryWarehouse(bigquery_place, "bigquery_taxi")
    die_after("nyc_taxi.bigquery.publish.drop_stage", bigquery_place, green(tmp_path, 20))
    (waiting,) = warehouse.ledger.history("green", MONTH)
    assert waiting.outcome is Outcome.AUDITED

    def finished() -> bool:
        """The claim of the process that died has ended."""
        assert warehouse.findings() == []
        return warehouse.ledger.current("green", MONTH) is not None

    eventually(finished)
    assert warehouse.count("green", MONTH) == 20
