"""Faults of the emulators that make no error, and that other tests work around.

Where one of these tests fails, the emulator has been corrected. The test that its docstring names looks at
the request, because the emulator's answer proves nothing; it can then look at the answer.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.storage import blob as storage_blob

from tests.google_cloud import empty

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.storage import Bucket

    from nyc_taxi.bigquery.place import Place


@pytest.fixture(scope="module")
def place(prepared_place: Place) -> Iterator[Place]:
    yield prepared_place
    empty(prepared_place)


@pytest.fixture
def bucket(place: Place) -> Bucket:
    return place.storage().bucket(place.bucket)


def load(place: Place, table: str) -> None:
    """Load one row into a table of the staging dataset."""
    settings = bigquery.LoadJobConfig(
        source_format="NEWLINE_DELIMITED_JSON",
        write_disposition="WRITE_TRUNCATE",
        schema=[bigquery.SchemaField("month", "DATE")],
        time_partitioning=bigquery.TimePartitioning(type_="MONTH", field="month"),
    )
    row = BytesIO(b'{"month": "2021-01-01"}')
    target = f"{place.project}.{place.stage}.{table}"
    place.bigquery().load_table_from_file(row, target, job_config=settings).result()


def test_a_precondition_of_a_resumable_upload_is_ignored(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``test_requests.test_an_upload_replaces_only_the_object_that_was_looked_at``."""
    bucket.blob("one").upload_from_string(b"a")
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("one").upload_from_string(b"b", if_generation_match=0)
    monkeypatch.setattr(storage_blob, "_MAX_MULTIPART_SIZE", 0)
    bucket.blob("one").upload_from_string(b"c", if_generation_match=0)
    assert bucket.blob("one").download_as_bytes() == b"c"


def test_preconditions_of_reading_and_deleting_are_ignored(bucket: Bucket) -> None:
    """``test_requests.test_a_month_is_claimed_by_one_process``."""
    bucket.blob("two").upload_from_string(b"a")
    assert bucket.blob("two").download_as_bytes(if_generation_match=1) == b"a"
    bucket.blob("two").delete(if_generation_match=1)
    assert not bucket.blob("two").exists()


def test_a_wrong_checksum_is_accepted(bucket: Bucket) -> None:
    """``landing._send`` compares the checksum itself, which Google does as well."""
    blob = bucket.blob("three")
    blob.crc32c = "AAAAAA=="
    blob.upload_from_string(b"a")
    assert bucket.blob("three").download_as_bytes() == b"a"


def test_a_bucket_forgets_its_settings(place: Place) -> None:
    """``test_setup`` looks at the requests for them."""
    bucket = place.storage().bucket(f"{place.bucket}-settings")
    bucket.labels = {"team": "data"}
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.add_lifecycle_delete_rule(age=8)
    bucket.create(location="EU")
    found = place.storage().get_bucket(bucket.name)
    assert found.labels == {}
    assert not found.iam_configuration.uniform_bucket_level_access_enabled
    assert list(found.lifecycle_rules) == []
    assert found.location != "EU"
    bucket.delete()


def test_a_partition_in_a_name_makes_a_table_of_that_name(place: Place) -> None:
    """``test_requests.test_no_table_has_a_partition_in_its_name_and_none_is_outside_of_bigquery``."""
    load(place, "months")
    load(place, "months$202101")
    names = {table.table_id for table in place.bigquery().list_tables(place.stage)}
    assert names == {"months", "months$202101"}


def test_an_external_table_is_an_empty_one(place: Place, bucket: Bucket) -> None:
    """The same test, and ``test_statements.test_no_statement_uses_what_the_load_must_not``."""
    bucket.blob("trips.csv").upload_from_string(b"1\n2\n")
    client, table = place.bigquery(), f"{place.stage}.outside"
    options = f"format = 'CSV', uris = ['gs://{bucket.name}/trips.csv']"
    client.query_and_wait(f"create external table {table} (a int64) options ({options})")
    assert [row[0] for row in client.query_and_wait(f"select count(*) from {table}")] == [0]
    assert client.get_table(table).table_type == "TABLE"


def test_nothing_is_billed_and_no_limit_holds(place: Place) -> None:
    """``test_requests.test_no_query_can_cost_more_than_the_limit``."""
    load(place, "cost")
    text = f"select month from {place.stage}.cost"
    config = bigquery.QueryJobConfig(maximum_bytes_billed=1)
    job = place.bigquery().query(text, config)
    assert len(list(job.result())) == 1
    assert not job.total_bytes_billed
    tried = place.bigquery().query(text, bigquery.QueryJobConfig(dry_run=True))
    assert tried.total_bytes_processed == 0


def test_fields_that_google_would_refuse_and_locations_are_ignored(place: Place) -> None:
    """``test_requests.test_google_would_understand_every_request``, ``test_every_job_says_where_it_runs``."""
    body = {
        "jobReference": {"projectId": place.project, "location": "asia-east1"},
        "configuration": {"query": {"query": "select 1", "useLegacySql": False, "noSuchField": True}},
    }
    client = place.bigquery()
    path = f"/projects/{place.project}/jobs"
    answer = client._connection.api_request(method="POST", path=path, data=body)
    assert "errorResult" not in answer["status"]


def test_the_number_of_rows_of_a_table_is_wrong_after_a_change(place: Place) -> None:
    """``tables.count_month`` counts, and no test asks for the number in a table's description."""
    load(place, "counted")
    client, table = place.bigquery(), f"{place.stage}.counted"
    client.query_and_wait(f"delete from {table} where true")
    assert [row[0] for row in client.query_and_wait(f"select count(*) from {table}")] == [0]
    assert client.get_table(table).num_rows != 0
