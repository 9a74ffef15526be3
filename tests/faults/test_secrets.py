"""A password, wherever one can be written, comes out nowhere: not in a message, a traceback or a log.

``tests/scheduler/test_secrets.py`` looks for one in all that a running Airflow writes.
"""

from __future__ import annotations

import json
import logging
import traceback
from typing import TYPE_CHECKING, cast

import pytest

from nyc_taxi.core.month import Month
from nyc_taxi.errors import TaxiError
from nyc_taxi.hooks.products import ProductsHook
from nyc_taxi.hooks.tlc import NycTlcHook
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.products import fetch_products
from tests.file_server import FileServer, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.postgres import EmbeddedPostgres

SECRET = "hunter2"

WAREHOUSES = {
    "wrong": "postgresql://taxi:hunter2@SERVER",
    "nobody there": "postgresql://taxi:hunter2@127.0.0.1:1/taxi",
    "unknown host": "postgresql://taxi:hunter2@warehouse.invalid/taxi",
    "port in words": "postgresql://taxi:hunter2@127.0.0.1:port/taxi",
    "slash": "postgresql://taxi:x/hunter2@127.0.0.1:1/taxi",
    "slash at its end": "postgresql://taxi:hunter2/@127.0.0.1:1/taxi",
    "hash": "postgresql://taxi:hunter2#@127.0.0.1:1/taxi",
    "question mark": "postgresql://taxi:hunter2?@127.0.0.1:1/taxi",
    "colon": "postgresql://taxi:x:hunter2@127.0.0.1:1/taxi",
    "at": "postgresql://taxi:x@hunter2@127.0.0.1:1/taxi",
    "bracket": "postgresql://taxi:[hunter2@127.0.0.1:1/taxi",
    "percent": "postgresql://taxi:%zzhunter2@127.0.0.1:1/taxi",
    "newline": "postgresql://taxi:hunter2\n@127.0.0.1:1/taxi",
    "nul": "postgresql://taxi:%00hunter2@127.0.0.1:1/taxi",
    "quote": "postgresql://taxi:'hunter2@127.0.0.1:1/taxi",
    "lookalike": "postgresql://taxi:hunter2\u2100@127.0.0.1:1/taxi",
    "unknown option": "postgresql://taxi@127.0.0.1:1/taxi?no_such_option=hunter2",
    "password as option": "postgresql://taxi@127.0.0.1:1/taxi?password=hunter2",
    "key's password": "postgresql://taxi@127.0.0.1:1/taxi?sslpassword=hunter2&sslkey=/nowhere&sslmode=require",
    "options": "postgresql://taxi@SERVER?options=-c+hunter2",
    "cut json": '{"conn_type": "postgres", "password": "hunter2"',
    "port in json": '{"conn_type": "postgres", "host": "127.0.0.1", "port": "hunter2"}',
    "no uri": "hunter2",
    "nothing but a password": "://:hunter2@",
}
"""Connections to the warehouse that do not work."""

SOURCES = (
    "http://me:hunter2@127.0.0.1:1",
    "http://127.0.0.1:1/?X-Amz-Signature=hunter2",
    "http://127.0.0.1:1/#hunter2",
    "ftp://me:hunter2@127.0.0.1",
    "me:hunter2@127.0.0.1",
    "mirror http://me:hunter2@127.0.0.1",
)
"""Source lists with a secret in them, which are refused."""

REDIRECTS = (
    "http://127.0.0.1:1/file?X-Amz-Signature=hunter2",
    "http://me:hunter2@127.0.0.1:1/file",
    "http://127.0.0.1:1/file#hunter2",
    "ftp://me:hunter2@host/file?hunter2",
    "http://[hunter2",
    "http://me:hunter2@[::1/?hunter2",
    "http://nowhere.invalid/file?token=hunter2",
    "https://127.0.0.1:1/file?token=hunter2&other=x",
)
"""Where a source may redirect to, with a secret for this one request."""


CREDENTIALS: dict[str, dict[str, object]] = {
    "basic": {"login": "xx", "password": "hunter2"},
    "bearer": {"extra": {"token": "hunter2"}},
    "headers": {"extra": {"secret_headers": {"X-Portal": "hunter2"}}},
}
"""Fields of the sources' connection, each with a secret."""


@pytest.fixture(autouse=True)
def _logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Log all that there is to be logged, and look for the secret in it."""
    with caplog.at_level(logging.DEBUG):
        yield
    assert SECRET not in caplog.text.replace("GET /file?X-Amz-Signature=hunter2", "")


def check(step: Callable[[], object]) -> None:
    """Check that a step fails in one sentence, and says nothing of the secret, also where it comes from."""
    with pytest.raises(TaxiError) as caught:
        step()
    error: BaseException | None = caught.value
    assert SECRET not in "".join(traceback.format_exception(error))
    assert str(error).isprintable()


@pytest.mark.parametrize("uri", WAREHOUSES.values(), ids=WAREHOUSES)
def test_connection_to_the_warehouse(
    uri: str, postgres_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = postgres_server.uri("postgres").partition("@")[2]
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", uri.replace("SERVER", server))
    check(warehouse("postgres").prepare)


@pytest.mark.parametrize("sources", SOURCES)
def test_connection_to_the_sources(sources: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "nyc_tlc", "extra": {"sources": sources}}
    monkeypatch.setenv("AIRFLOW_CONN_NYC_TLC_DEFAULT", json.dumps(connection))
    check(lambda: NycTlcHook().ask("green", Month("2021-01")))


@pytest.mark.parametrize("extra", ['{"sources": "hunter2', "hunter2", "[1]", '"hunter2"', '{"sources": 1}'])
def test_connection_to_the_sources_that_is_not_json(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "nyc_tlc", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_NYC_TLC_DEFAULT", json.dumps(connection))
    check(lambda: NycTlcHook().ask("green", Month("2021-01")))


@pytest.mark.parametrize("location", REDIRECTS)
def test_address_that_a_source_leads_to(
    location: str, file_server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "nyc_tlc", "extra": {"sources": file_server.url}}
    monkeypatch.setenv("AIRFLOW_CONN_NYC_TLC_DEFAULT", json.dumps(connection))
    path = "green/green_tripdata_2021-01.csv.gz"
    file_server.answer(path, Reply(status=302, headers={"Location": location}))
    check(lambda: NycTlcHook().ask("green", Month("2021-01")))


@pytest.mark.parametrize("fields", CREDENTIALS.values(), ids=CREDENTIALS)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=401),
        Reply(status=500),
        Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        Reply(status=302, headers={"Location": "ftp://host"}),
        Reply(b"<html>", headers={"Content-Type": "text/html"}),
    ],
    ids=["denied", "broken", "nobody there", "off the web", "page"],
)
def test_credentials_of_the_sources(
    fields: dict[str, object], reply: Reply, file_server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"sources": file_server.url, **cast("dict[str, object]", fields.get("extra", {}))}
    connection = {"conn_type": "nyc_tlc", **fields, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_NYC_TLC_DEFAULT", json.dumps(connection))
    file_server.answer("green/green_tripdata_2021-01.csv.gz", reply)
    check(lambda: NycTlcHook().ask("green", Month("2021-01")))
    assert SECRET in str(file_server.headers[0]) or "aHVudGVyMg" in str(file_server.headers[0])


@pytest.mark.parametrize("status", [200, 302, 401, 404, 500])
def test_connection_to_the_products(
    status: int, file_server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = file_server.url.replace("//", "//me:hunter2@")
    monkeypatch.setenv("AIRFLOW_CONN_PRODUCTS_API", json.dumps({"conn_type": "http", "host": host}))
    file_server.answer("products", Reply(b"{}", status=status, headers={"Location": "?again"}))
    check(lambda: fetch_products(ProductsHook().url()))
