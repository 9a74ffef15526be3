"""What is sent to Google when a month is loaded, replaced and removed, because emulators do not look at it.

They ignore locations, limits, preconditions and unknown fields. A table name with ``$`` becomes a table of
that name, and an external table an empty one, without an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud.storage import blob as storage_blob

from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from tests.google_recorder import Recorder, Request
from tests.trips import MONTH, lines, load, published, row, text, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nyc_taxi.bigquery.place import Place
    from tests.google_cloud import GoogleCloud

LIMIT = 1 << 30


@dataclass(frozen=True)
class Sent:
    """All requests to both services."""

    place: Place
    storage: Recorder
    bigquery: Recorder
    loads: tuple[int, ...]
    """How many statements each load has run."""

    def statements(self) -> list[Request]:
        """Return the requests that run a query: as a job, or at once."""
        return _statements(self.bigquery)

    def uploads(self, prefix: str) -> list[Request]:
        """Return the requests that begin an upload of an object."""
        began = self.storage.calls("storage.objects.insert")
        return [one for one in began if _name(one).startswith(prefix) and "upload_id" not in one.query]


def _statements(bigquery: Recorder) -> list[Request]:
    return [*bigquery.jobs("query"), *bigquery.calls("bigquery.jobs.query")]


def _name(upload: Request) -> str:
    return upload.body.get("name") or upload.query.get("name", "")


def _settings(request: Request) -> dict[str, Any]:
    """Return the settings of a query, wherever the method has them."""
    found: dict[str, Any] = request.body.get("configuration", {}).get("query", request.body)
    return found


@pytest.fixture(scope="module")
def sent(
    google_cloud: GoogleCloud, prepared_place: Place, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sent]:
    """The requests of a load, of a republished file twice, and of unloading; all uploads are resumable."""
    from tests.google_cloud import empty

    folder = tmp_path_factory.mktemp("files")
    emulators = google_cloud.emulators
    with (
        Recorder("storage.v1", emulators.storage_endpoint) as storage,
        Recorder("bigquery.v2", emulators.bigquery_endpoint) as bigquery,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(storage_blob, "_MAX_MULTIPART_SIZE", 0)
        place = replace(
            prepared_place,
            storage_endpoint=storage.url,
            bigquery_endpoint=bigquery.url,
            maximum_bytes_billed=LIMIT,
            labels={"application": "nyc-taxi", "team": "data"},
        )
        warehouse = BigQueryWarehouse(place, "bigquery_taxi")
        first = published(write(folder / "1", text([*lines(20), "bad", *map(row, range(400))])))
        second = published(write(folder / "2", text(lines(430))))
        counts = [0]
        for file in (first, second, second):
            load(warehouse, file)
            counts.append(len(_statements(bigquery)))
        warehouse.unload("green", MONTH)
        yield Sent(place, storage, bigquery, tuple(after - before for before, after in pairwise(counts)))
    empty(prepared_place)


def test_google_would_understand_every_request(sent: Sent) -> None:
    assert [*sent.storage.problems, *sent.bigquery.problems] == []
    assert len(sent.statements()) > 10
    assert sent.uploads("raw/")


def test_every_job_says_where_it_runs_and_what_for(sent: Sent) -> None:
    for request in sent.bigquery.calls("bigquery.jobs.insert"):
        assert request.body["jobReference"]["location"] == sent.place.location
        assert request.body["configuration"]["labels"].items() >= sent.place.labels.items()
    for request in sent.bigquery.calls("bigquery.jobs.query"):
        assert request.body["location"] == sent.place.location
        assert request.body["labels"].items() >= sent.place.labels.items()


def test_no_query_can_cost_more_than_the_limit(sent: Sent) -> None:
    for request in sent.statements():
        assert _settings(request)["maximumBytesBilled"] == str(LIMIT)
        assert _settings(request)["useLegacySql"] is False


def test_a_load_takes_few_statements_and_an_unchanged_month_three(sent: Sent) -> None:
    """Each is billed for 10 MiB at least. The first load also counts its rejected rows."""
    assert sent.loads == (11, 10, 3)


def test_every_statement_of_a_load_reads_its_months_alone(sent: Sent) -> None:
    """So month n is billed for what month 1 is: the tables are partitioned by month."""
    for request in sent.statements():
        query = _settings(request)["query"]
        assert re.search(r"month (= @month|between @first and @last)", query), query


def test_what_changes_trips_has_a_job_id_that_a_retry_finds_again(sent: Sent) -> None:
    jobs = {
        request.body["jobReference"]["jobId"]: request
        for request in sent.bigquery.calls("bigquery.jobs.insert")
    }
    kinds = [re.sub(r"\d{6,}", "N", id) for id in jobs]
    assert kinds.count("nyc_taxi_stage_green_2021-01_N_0") == 2
    assert kinds.count("nyc_taxi_publish_green_2021-01_N_0") == 2
    merges = [one for one in sent.statements() if "held.file_month" in _settings(one)["query"]]
    assert {one.method for one in merges} == {"bigquery.jobs.insert"}
    for id, request in jobs.items():
        if id.startswith("nyc_taxi_stage_"):
            assert request.body["configuration"]["labels"].items() >= {"month": "2021-01"}.items()


def test_a_stage_is_loaded_whole_with_the_types_that_are_stated(sent: Sent) -> None:
    loads = [one.body["configuration"]["load"] for one in sent.bigquery.jobs("load")]
    staged = [one for one in loads if one["sourceFormat"] == "PARQUET"]
    assert len(staged) == 2
    for job in staged:
        assert job["writeDisposition"] == "WRITE_TRUNCATE"
        assert job["destinationTable"]["datasetId"] == sent.place.stage
        assert [uri.startswith(f"gs://{sent.place.bucket}/staged/") for uri in job["sourceUris"]] == [True]
    for job in loads:
        assert len(job["schema"]["fields"]) > 5
        assert not job.get("autodetect")
        assert not job.get("ignoreUnknownValues")
        assert not job.get("schemaUpdateOptions")
        assert int(job.get("maxBadRecords", 0)) == 0


def test_no_table_has_a_partition_in_its_name_and_none_is_outside_of_bigquery(sent: Sent) -> None:
    bodies = [request.body for request in sent.bigquery.requests]
    names = set(_values(bodies, "tableId"))
    assert "green_tripdata" in names or any(
        "green_tripdata" in _settings(one)["query"] for one in sent.statements()
    )
    assert [name for name in names if "$" in name] == []
    assert [one.path for one in sent.bigquery.requests if "$" in one.path or "%24" in one.path] == []
    assert [*_values(bodies, "externalDataConfiguration"), *_values(bodies, "tableDefinitions")] == []
    for request in sent.statements():
        query = _settings(request)["query"].lower()
        assert not re.search(r"\w\$", query)
        assert "external" not in query
        assert not query.lstrip().startswith("begin")
    client = sent.place.bigquery()
    kinds = {
        (table.table_id, table.table_type)
        for dataset in (sent.place.raw, sent.place.stage, sent.place.ops)
        for table in client.list_tables(dataset)
    }
    assert {kind for _, kind in kinds} == {"TABLE"}
    assert not [name for name, _ in kinds if "$" in name]


def test_an_upload_replaces_only_the_object_that_was_looked_at(sent: Sent) -> None:
    first, second = sent.uploads("raw/")
    assert first.query["uploadType"] == "resumable"
    assert first.query["ifGenerationMatch"] == "0"
    assert int(second.query["ifGenerationMatch"]) > 0
    assert {_name(one) for one in (first, second)} == {"raw/green/green_tripdata_2021-01.csv"}


def test_a_month_is_claimed_by_one_process(sent: Sent) -> None:
    claims = sent.uploads("locks/")
    assert len(claims) >= 2
    assert {claim.query["ifGenerationMatch"] for claim in claims} == {"0"}
    given_back = [one for one in sent.storage.calls("storage.objects.delete") if "locks" in one.path]
    assert len(given_back) == len(claims)
    assert all(int(one.query["ifGenerationMatch"]) > 0 for one in given_back)


def test_values_are_parameters(sent: Sent) -> None:
    for request in sent.statements():
        query = _settings(request)["query"]
        assert "2021-01" not in query
        assert "green_tripdata_2021-01.csv" not in query


def _values(value: Any, name: str) -> Iterator[Any]:
    """Yield what a field holds, anywhere in JSON."""
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        for inner in value.values():
            yield from _values(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, name)
