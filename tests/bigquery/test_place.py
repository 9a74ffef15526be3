"""The place in Google Cloud: names that Google accepts, and clients that go where they should."""

from __future__ import annotations

from typing import Any

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError

from nyc_taxi.bigquery.place import Place
from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from nyc_taxi.errors import WarehouseRefused

EMULATORS = {"storage_endpoint": "http://127.0.0.1:4443", "bigquery_endpoint": "http://127.0.0.1:9050"}


def place(**changed: Any) -> Place:
    return Place(**{"project": "my-project", "bucket": "my-taxi", **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {"project": "example.com:my-project"},
        {"bucket": "a.domain-like.name_1"},
        {"bucket": f"{'a' * 63}.{'b' * 63}"},
        {"location": "europe-west3"},
        {"location": "EU"},
        {"prefix": "trips_2021_"},
        {"maximum_bytes_billed": 10 * 1024 * 1024},
        {"labels": {"team": "", "cost-center": "42"}},
        EMULATORS,
    ],
)
def test_what_google_accepts_is_a_place(changed: dict[str, Any]) -> None:
    place(**changed)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"project": "My Project"}, "'My Project' is not the id of a Google Cloud project"),
        ({"project": "123456789"}, "not the name or the number"),
        ({"project": ""}, "'' is not the id"),
        ({"bucket": "My-Taxi"}, "'My-Taxi' is not a name for a bucket"),
        ({"bucket": "gs://taxi"}, "'gs://taxi' is not a name for a bucket"),
        ({"bucket": "ab"}, "3 to 63 lower-case letters"),
        ({"bucket": "a" * 64}, "is not a name for a bucket"),
        ({"bucket": f"{'a' * 64}.b"}, "is not a name for a bucket"),
        ({"bucket": "taxi-"}, "is not a name for a bucket"),
        ({"bucket": "goog-taxi"}, "Google does not allow the bucket name 'goog-taxi'"),
        ({"bucket": "my-google-taxi"}, "contain google"),
        ({"bucket": "192.168.0.1"}, "must not look like an IP address"),
        ({"bucket": "a..b"}, "Choose another name"),
        ({"location": ""}, "'' is not a location"),
        ({"location": "Frankfurt am Main"}, "a region such as europe-west3"),
        ({"prefix": "my-"}, "BigQuery allows no dash in the id of a dataset"),
        ({"prefix": "größe_"}, "Use letters, digits and underscores only"),
        ({"maximum_bytes_billed": 1_000_000}, "A limit of 1000000 billed bytes refuses every query"),
        ({"labels": {"Team": "a"}}, "'Team=a' is not a label"),
        ({"labels": {"team": "A b"}}, "begin the name with a letter"),
        ({"storage_endpoint": "http://127.0.0.1:4443"}, "Only one of the two services has an emulator"),
        ({"bigquery_endpoint": "http://127.0.0.1:9050"}, "Set the addresses of both"),
        ({**EMULATORS, "bigquery_endpoint": "127.0.0.1:9050"}, "Use http://host:port"),
    ],
)
def test_a_name_that_google_refuses_costs_one_sentence(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(WarehouseRefused) as caught:
        place(**changed)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(WarehouseRefused) as caught:
        place(**{**EMULATORS, "storage_endpoint": "http://user:hidden@host:1"})
    assert "hidden" not in str(caught.value)


def test_the_datasets_are_called_like_the_schemas_of_postgres() -> None:
    assert place().datasets == ("raw", "stage", "ops", "staging", "intermediate", "marts")
    prefixed = place(prefix="taxi_")
    assert (prefixed.raw, prefixed.ops) == ("taxi_raw", "taxi_ops")
    assert prefixed.datasets[-1] == "taxi_marts"


def test_credentials_are_not_shown() -> None:
    assert "redentials" not in repr(place(credentials=AnonymousCredentials()))


def test_clients_of_emulators_send_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google.auth, "default", None)
    emulated = place(**EMULATORS)
    assert emulated.emulated
    for client, endpoint in (
        (emulated.storage(), EMULATORS["storage_endpoint"]),
        (emulated.bigquery(), EMULATORS["bigquery_endpoint"]),
    ):
        assert isinstance(client._credentials, AnonymousCredentials)
        assert str(client._connection.API_BASE_URL) == endpoint
        assert client.project == "my-project"


def test_the_environment_does_not_redirect_the_clients_of_google(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1")
    ours = AnonymousCredentials()
    at_google = place(credentials=ours)
    assert not at_google.emulated
    for client, host in (
        (at_google.storage(), "https://storage.googleapis.com"),
        (at_google.bigquery(), "https://bigquery.googleapis.com"),
    ):
        assert client._credentials is ours
        assert str(client._connection.API_BASE_URL) == host


def test_a_place_has_one_client_of_each_service() -> None:
    one = place(**EMULATORS)
    assert one.bigquery() is one.bigquery()
    assert one.storage() is one.storage()
    assert one.bigquery().location == "US"


def test_the_credentials_of_the_machine_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    found = AnonymousCredentials()
    asked: list[dict[str, Any]] = []

    def default(**how: Any) -> tuple[Any, str]:
        asked.append(how)
        return found, "another-project"

    monkeypatch.setattr(google.auth, "default", default)
    assert place().storage()._credentials is found
    assert asked[0]["quota_project_id"] == "my-project"


def test_lineage_names_a_table_by_project_and_dataset_without_a_request() -> None:
    warehouse = BigQueryWarehouse(place(prefix="taxi_"), "bigquery_taxi")
    assert warehouse.address("raw.green_tripdata") == ("bigquery", "my-project.taxi_raw.green_tripdata")


def test_a_machine_without_credentials_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    def default(**how: Any) -> tuple[Any, str]:
        raise DefaultCredentialsError("nothing found")

    monkeypatch.setattr(google.auth, "default", default)
    with pytest.raises(WarehouseRefused, match=r"There are no Google credentials.*gcloud auth"):
        place().bigquery()
