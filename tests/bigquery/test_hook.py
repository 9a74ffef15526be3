"""The connection of BigQuery: what its fields mean, whose credentials are used, and what is never shown."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import google.auth
import pytest
from airflow.sdk import BaseHook
from airflow.sdk._shared.secrets_masker import redact
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials
from google.oauth2 import service_account

from nyc_taxi.errors import ConnectionNotFound, WarehouseRefused
from nyc_taxi.hooks.bigquery import TaxiBigQueryHook

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.bigquery.place import Place

ACCOUNT = "loader@my-project.iam.gserviceaccount.com"
OTHER = "other@my-project.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def key() -> dict[str, str]:
    """The content of a key file, of an account that nobody has."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "0123456789abcdef",
        "private_key": pem.decode(),
        "client_email": ACCOUNT,
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def connect(monkeypatch: pytest.MonkeyPatch, extra: object) -> TaxiBigQueryHook:
    text = extra if isinstance(extra, str) else json.dumps(extra)
    connection = {"conn_type": "nyc_taxi_bigquery", "extra": text}
    monkeypatch.setenv("AIRFLOW_CONN_BIGQUERY_TAXI", json.dumps(connection))
    return TaxiBigQueryHook()


def named(**more: Any) -> dict[str, Any]:
    return {"project": "my-project", "bucket": "my-taxi", **more}


def test_the_fields_of_the_connection_are_the_place(
    monkeypatch: pytest.MonkeyPatch, key: dict[str, str]
) -> None:
    extra = named(
        location="EU", prefix="taxi_", maximum_bytes_billed="20000000", keyfile_dict=key, impersonate=""
    )
    place = connect(monkeypatch, extra).place()
    assert (place.project, place.bucket, place.location) == ("my-project", "my-taxi", "EU")
    assert (place.raw, place.maximum_bytes_billed, place.emulated) == ("taxi_raw", 20_000_000, False)


@pytest.mark.parametrize("where", ["text", "object", "path"])
def test_a_key_may_be_a_text_an_object_or_a_file(
    monkeypatch: pytest.MonkeyPatch, key: dict[str, str], where: str, tmp_path: Path
) -> None:
    (tmp_path / "key.json").write_text(json.dumps(key))
    all_three: dict[str, dict[str, Any]] = {
        "text": {"keyfile_dict": json.dumps(key)},
        "object": {"keyfile_dict": key},
        "path": {"key_path": str(tmp_path / "key.json")},
    }
    used = connect(monkeypatch, named(**all_three[where])).place().credentials
    assert isinstance(used, service_account.Credentials)
    assert (used.service_account_email, used.scopes) == (
        ACCOUNT,
        ("https://www.googleapis.com/auth/cloud-platform",),
    )


def test_without_a_key_the_credentials_of_the_machine_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    found = AnonymousCredentials()
    monkeypatch.setattr(google.auth, "default", lambda **_: (found, None))
    assert connect(monkeypatch, named()).place().credentials is found


def test_another_account_is_impersonated(monkeypatch: pytest.MonkeyPatch, key: dict[str, str]) -> None:
    used = connect(monkeypatch, named(keyfile_dict=key, impersonate=OTHER)).place().credentials
    assert isinstance(used, impersonated_credentials.Credentials)
    assert used.service_account_email == OTHER
    assert used._source_credentials.service_account_email == ACCOUNT


def test_dbt_gets_the_same_project_and_credentials(
    monkeypatch: pytest.MonkeyPatch, key: dict[str, str], tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/secrets/adc.json")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    (tmp_path / "key.json").write_text(json.dumps(key))
    extra = named(location="EU", prefix="taxi_", key_path=str(tmp_path / "key.json"), impersonate=OTHER)
    access = connect(monkeypatch, extra | {"maximum_bytes_billed": 20_000_000}).dbt_access()
    assert json.loads(access.files["NYC_TAXI_BIGQUERY_KEYFILE"]) == key
    assert key["private_key"][40:80] not in str(access.environment)
    given = {name.removeprefix("NYC_TAXI_BIGQUERY_"): value for name, value in access.environment.items()}
    assert "AIRFLOW__CORE__FERNET_KEY" not in given
    assert given["GOOGLE_APPLICATION_CREDENTIALS"] == "/secrets/adc.json"
    assert given["METHOD"] == "service-account"
    assert (given["PROJECT"], given["LOCATION"], given["PREFIX"]) == ("my-project", "EU", "taxi_")
    assert (given["MAXIMUM_BYTES_BILLED"], given["IMPERSONATE"]) == ("20000000", OTHER)


def test_dbt_uses_the_credentials_of_the_machine_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google.auth, "default", lambda **_: (AnonymousCredentials(), None))
    access = connect(monkeypatch, named()).dbt_access()
    assert access.environment["NYC_TAXI_BIGQUERY_METHOD"] == "oauth"
    assert access.environment["NYC_TAXI_BIGQUERY_MAXIMUM_BYTES_BILLED"] == "0"
    assert not access.files


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"project": "my-project"}, "The connection bigquery_taxi has no bucket. Set it"),
        ({}, "has no project and no bucket"),
        ("not json", "is not a JSON object"),
        ([1], "is not a JSON object"),
        (named(projct="x"), "has 'projct', which is not used. Use project, bucket"),
        (named(maximum_bytes_billed="1 GB"), "is '1 GB', which is not a whole number"),
        (named(key_path="/no/such/key.json"), "The key file /no/such/key.json of"),
        (named(key_path="/k", keyfile_dict="{}"), "has a key and the path of one"),
        (named(keyfile_dict="hunter2"), "is not the JSON of a service account's key file"),
        (named(keyfile_dict='{"type": "authorized_user", "refresh_token": "hunter2"}'), "GOOGLE_APPLICATION"),
        (named(keyfile_dict='{"type": "service_account", "private_key": "hunter2"}'), "is incomplete or"),
        (named(bucket="My_Bucket"), "'My_Bucket' is not a name for a bucket"),
        (named(prefix="my-"), "BigQuery allows no dash"),
    ],
)  # fmt: skip
def test_a_wrong_field_costs_one_sentence(monkeypatch: pytest.MonkeyPatch, extra: object, said: str) -> None:
    hook = connect(monkeypatch, extra)
    with pytest.raises(WarehouseRefused) as caught:
        hook.place()
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)
    works, sentence = hook.test_connection()
    assert not works
    assert "bigquery_taxi" not in sentence


def test_an_account_that_is_none_cannot_be_impersonated(
    monkeypatch: pytest.MonkeyPatch, key: dict[str, str]
) -> None:
    hook = connect(monkeypatch, named(keyfile_dict=key, impersonate="me@example.com"))
    with pytest.raises(WarehouseRefused, match=r"'me@example\.com' is not the e-mail address of a service"):
        hook.place()


def test_a_connection_that_is_not_there_is_looked_up_again() -> None:
    with pytest.raises(ConnectionNotFound, match=r"--conn-type nyc_taxi_bigquery"):
        TaxiBigQueryHook("nobody_made_it").place()


def test_nothing_of_a_key_is_written_to_a_log(monkeypatch: pytest.MonkeyPatch, key: dict[str, str]) -> None:
    from airflow.sdk._shared.secrets_masker import reset_secrets_masker

    place = connect(monkeypatch, named(keyfile_dict=json.dumps(key))).place()
    secret = key["private_key"].splitlines()[5]
    for text in (f"could not use {key['private_key']}", f"line {secret}", json.dumps(key)):
        assert secret not in str(redact(text))
    assert secret not in repr(place)
    reset_secrets_masker()


def test_the_test_button_asks_the_emulators(monkeypatch: pytest.MonkeyPatch, bigquery_place: Place) -> None:
    extra = {
        "project": bigquery_place.project,
        "bucket": bigquery_place.bucket,
        "prefix": bigquery_place.prefix,
        "storage_endpoint": bigquery_place.storage_endpoint,
        "bigquery_endpoint": bigquery_place.bigquery_endpoint,
    }
    connect(monkeypatch, extra)
    works, said = BaseHook.get_connection("bigquery_taxi").test_connection()
    assert works, said
    assert bigquery_place.bucket in said
    connect(monkeypatch, extra | {"bucket": "nobody-made-this"})
    works, said = BaseHook.get_connection("bigquery_taxi").test_connection()
    assert not works
    assert said.startswith("There is no bucket nobody-made-this. Run setup_gcp, which creates it. BigQuery: ")


def test_the_hook_needs_nothing_of_google_until_it_is_used() -> None:
    code = (
        "import sys, nyc_taxi.hooks.bigquery, nyc_taxi.targets\n"
        "print([name for name in sys.modules if name.startswith(('google.auth', 'google.cloud'))])\n"
        "sys.modules.update({'google.auth': None, 'google.cloud.bigquery': None})\n"
        "print(nyc_taxi.hooks.bigquery.TaxiBigQueryHook().test_connection())\n"
    )
    connection = json.dumps({"conn_type": "nyc_taxi_bigquery", "extra": json.dumps(named())})
    done = subprocess.run(
        (sys.executable, "-c", code),
        env={"PATH": "", "AIRFLOW_CONN_BIGQUERY_TAXI": connection},
        capture_output=True,
        text=True,
        check=False,
    )
    loaded, answer = done.stdout.splitlines()[-2:]
    assert loaded == "[]"
    assert (
        "is not installed, which BigQuery needs. Install the provider with its extra: pip install" in answer
    )
