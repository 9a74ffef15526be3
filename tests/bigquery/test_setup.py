"""Bucket and datasets: checked first, created once, and left alone afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.auth.credentials import AnonymousCredentials

from nyc_taxi.bigquery import place as places
from nyc_taxi.bigquery.check import check
from nyc_taxi.bigquery.jobs import Jobs
from nyc_taxi.bigquery.place import Place
from nyc_taxi.bigquery.setup import set_up
from nyc_taxi.errors import TaxiError, WarehouseNotSetUp, WarehouseRefused
from tests.google_recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.google_cloud import GoogleCloud
    from tests.google_recorder import Answer

RIGHTS = [f"storage.objects.{right}" for right in ("create", "delete", "get", "list")]
DONE: Answer = (
    200,
    {
        "jobReference": {"projectId": "my-project", "jobId": "dry"},
        "configuration": {"dryRun": True, "query": {"query": "select 1"}},
        "status": {"state": "DONE"},
    },
)


def refusal(status: int, reason: str, message: str) -> Answer:
    return status, {
        "error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    }


class Google:
    """Answers as Google does to an account with all rights, whose project is empty."""

    def __init__(self, storage: Recorder, bigquery: Recorder) -> None:
        self.storage, self.bigquery = storage, bigquery
        self.place = Place("my-project", "my-taxi", "EU", credentials=AnonymousCredentials())
        missing = refusal(404, "notFound", "Not found")
        storage.answers = {
            "storage.buckets.get": missing,
            "storage.buckets.insert": (200, {"name": "my-taxi", "location": "EU"}),
            "storage.buckets.testIamPermissions": (200, {"permissions": RIGHTS}),
        }
        bigquery.answers = {
            "bigquery.jobs.insert": DONE,
            "bigquery.datasets.get": missing,
            "bigquery.datasets.insert": lambda request: (200, request.body),
        }

    def has_bucket(self, location: str = "EU") -> None:
        self.storage.answers["storage.buckets.get"] = (200, {"name": "my-taxi", "location": location})

    def has_datasets(self, location: str = "EU") -> None:
        def dataset(request: Any) -> Answer:
            reference = {"projectId": "my-project", "datasetId": request.path.rpartition("/")[2]}
            return 200, {"datasetReference": reference, "location": location}

        self.bigquery.answers["bigquery.datasets.get"] = dataset

    def changed(self) -> list[str]:
        """Return what was called that creates or changes something."""
        requests = (*self.storage.requests, *self.bigquery.requests)
        changes = [one.method for one in requests if one.verb not in {"GET", "HEAD"}]
        return [method for method in changes if method != "bigquery.jobs.insert"]


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    with Recorder("storage.v1") as storage, Recorder("bigquery.v2") as bigquery:
        monkeypatch.setattr(places, "_STORAGE", storage.url)
        monkeypatch.setattr(places, "_BIGQUERY", bigquery.url)
        yield Google(storage, bigquery)
        assert [*storage.problems, *bigquery.problems] == []


def test_what_is_missing_is_created_once(google_cloud: GoogleCloud) -> None:
    place = google_cloud.place()
    report = set_up(place)
    assert report[0] == f"Created the bucket {place.bucket} in US."
    assert report[1:] == [f"Created the dataset {id} in US." for id in place.datasets]
    assert check(Jobs(place, "it")).startswith("Cloud Storage: the bucket")
    assert all(sentence.endswith("exists; its settings stay.") for sentence in set_up(place))


def test_a_new_bucket_is_closed_labelled_and_cleans_up(google: Google) -> None:
    set_up(google.place, landing_days=90)
    (created,) = google.storage.calls("storage.buckets.insert")
    assert created.query["project"] == "my-project"
    assert created.body["location"] == "EU"
    assert created.body["storageClass"] == "STANDARD"
    assert created.body["labels"] == {"application": "nyc-taxi"}
    assert created.body["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] is True
    assert created.body["iamConfiguration"]["publicAccessPrevention"] == "enforced"
    rules = {
        rule["condition"]["matchesPrefix"][0]: rule["condition"]["age"]
        for rule in created.body["lifecycle"]["rule"]
    }
    assert rules == {"staged/": 8, "raw/": 90}


def test_new_datasets_are_in_the_location_and_labelled(google: Google) -> None:
    set_up(google.place)
    created = {
        request.body["datasetReference"]["datasetId"]: request.body
        for request in google.bigquery.calls("bigquery.datasets.insert")
    }
    assert created.keys() == set(google.place.datasets)
    assert {body["location"] for body in created.values()} == {"EU"}
    assert {body["labels"]["application"] for body in created.values()} == {"nyc-taxi"}
    expiring = {id for id, body in created.items() if "defaultTableExpirationMs" in body}
    assert expiring == {google.place.stage}


def test_what_exists_keeps_its_settings(google: Google) -> None:
    google.has_bucket("EUROPE-WEST3")
    google.has_datasets()
    set_up(google.place)
    assert google.changed() == []


def test_the_rights_are_asked_for_without_a_cost(google: Google) -> None:
    set_up(google.place)
    (asked,) = google.bigquery.jobs("query")
    assert asked.body["configuration"]["dryRun"] is True
    assert asked.body["jobReference"]["location"] == "EU"


WORLDWIDE = refusal(403, "forbidden", "someone does not have storage.buckets.get access to the bucket.")
NOT_AVAILABLE = refusal(409, "conflict", "The requested bucket name is not available.")
NO_BILLING = refusal(403, "accountDisabled", "The billing account for the owning project is disabled")
NO_JOBS = refusal(403, "accessDenied", "Access Denied: User does not have bigquery.jobs.create permission")
NO_PROJECT = refusal(404, "notFound", "Not found: Project my-project")


@pytest.mark.parametrize(
    ("method", "answer", "said"),
    [
        ("storage.buckets.get", WORLDWIDE, "The bucket my-taxi belongs to someone else"),
        ("storage.buckets.get", WORLDWIDE, "Bucket names are shared by the whole world: choose another name"),
        ("storage.buckets.insert", NOT_AVAILABLE, "is taken, somewhere in the world. Choose another"),
        ("storage.buckets.insert", NO_BILLING, "Link the project to a billing account"),
        ("bigquery.jobs.insert", NO_JOBS, "BigQuery Job User"),
        ("bigquery.jobs.insert", NO_PROJECT, "Not found: Project my-project"),
        ("storage.buckets.get", (200, {"name": "my-taxi", "location": "US"}), "cannot load from there"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_one_sentence_before_anything_is_created(
    google: Google, method: str, answer: Answer, said: str
) -> None:
    service = google.storage if method.startswith("storage") else google.bigquery
    service.answers[method] = answer
    with pytest.raises(WarehouseRefused) as caught:
        set_up(google.place, "bigquery_taxi")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert google.changed() == ([method] if method == "storage.buckets.insert" else [])


def test_a_dataset_elsewhere_is_named(google: Google) -> None:
    google.has_datasets("US")
    with pytest.raises(WarehouseRefused, match=r"The dataset raw is in US, and the connection says EU\."):
        set_up(google.place)
    assert google.changed() == []


def test_the_test_button_has_a_sentence_of_each_service(google: Google) -> None:
    google.has_bucket()
    google.has_datasets()
    assert check(Jobs(google.place, "it")) == (
        "Cloud Storage: the bucket my-taxi can be read and written. "
        "BigQuery: the project my-project runs queries in EU and has the datasets."
    )
    assert google.changed() == []


@pytest.mark.parametrize(
    ("rights", "datasets", "error", "said"),
    [
        (RIGHTS[1:], True, WarehouseRefused, "The account lacks storage.objects.create on the"),
        (RIGHTS, False, WarehouseNotSetUp, "has no datasets raw and stage and ops. Run setup_gcp"),
        ([], False, WarehouseRefused, "has no datasets raw and stage and ops. Run setup_gcp"),
        (None, True, WarehouseNotSetUp, "There is no bucket my-taxi. Run setup_gcp, which creates it. B"),
    ],
)  # fmt: skip
def test_the_test_button_says_what_each_service_lacks(
    google: Google, rights: list[str] | None, datasets: bool, error: type[TaxiError], said: str
) -> None:
    if rights is not None:
        google.has_bucket()
        google.storage.answers["storage.buckets.testIamPermissions"] = (200, {"permissions": rights})
    if datasets:
        google.has_datasets()
    with pytest.raises(error) as caught:
        check(Jobs(google.place, "it"))
    assert said in str(caught.value)


def test_the_recorder_finds_what_google_would_not_understand() -> None:
    """The bad twin of the requests above."""
    with Recorder("bigquery.v2") as recorder:
        place = Place("my-project", "b12", storage_endpoint=recorder.url, bigquery_endpoint=recorder.url)
        bad = {"configuration": {"load": {"sourceUri": ["x"], "skipLeadingRows": "one", "autodetect": "yes"}}}
        path = "/projects/my-project/jobs"
        client = place.bigquery()
        with pytest.raises(Exception, match="404"):
            client._connection.api_request(method="POST", path=path, data=bad, query_params={"colour": "red"})
        with pytest.raises(Exception, match="404"):
            client._connection.api_request(method="GET", path="/nothing")
    assert recorder.problems == [
        "bigquery.jobs.insert: unknown parameter colour",
        "bigquery.jobs.insert.configuration.load: unknown field sourceUri",
        "bigquery.jobs.insert.configuration.load.skipLeadingRows: 'one' is not of the type integer",
        "bigquery.jobs.insert.configuration.load.autodetect: 'yes' is not of the type boolean",
        "GET /bigquery/v2/nothing: there is no such method",
    ]
