from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import BaseHook

from nyc_taxi.core.month import Month
from nyc_taxi.errors import ConnectionNotFound, TransientError, WarehouseUnreachable
from nyc_taxi.hooks.postgres import TaxiPostgresHook
from nyc_taxi.hooks.products import ProductsHook
from nyc_taxi.hooks.tlc import NycTlcHook
from nyc_taxi.hooks.warehouse import warehouse, warehouse_hook
from tests.file_server import FileServer, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATH = "green/green_tripdata_2021-01.csv.gz"


@pytest.fixture
def files() -> Iterator[FileServer]:
    with FileServer() as server:
        yield server


def connect(monkeypatch: pytest.MonkeyPatch, conn_id: str, **values: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(values))


@pytest.mark.parametrize("extra", [None, {}, {"sources": None}, {"sources": ""}])
def test_an_empty_connection_means_the_default_sources(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any] | None
) -> None:
    connect(
        monkeypatch, "nyc_tlc_default", conn_type="nyc_tlc", **({"extra": extra} if extra is not None else {})
    )

    assert str(NycTlcHook().sources()) == "mirror, tlc"


def test_the_connection_names_the_sources_in_order(
    monkeypatch: pytest.MonkeyPatch, files: FileServer
) -> None:
    connect(monkeypatch, "mine", conn_type="nyc_tlc", extra={"sources": f"{files.url}, tlc"})
    files.put(PATH, b"x" * 30)

    hook = NycTlcHook(tlc_conn_id="mine")

    assert str(hook.sources()) == f"{files.url}, tlc"
    assert hook.ask("green", Month("2021-01")).bytes == 30


def test_the_test_button_asks_every_source_about_one_month(
    monkeypatch: pytest.MonkeyPatch, files: FileServer, tmp_path: Path
) -> None:
    connect(monkeypatch, "mine", conn_type="nyc_tlc", extra={"sources": f"{files.url}, {tmp_path}"})
    files.put(PATH, b"x" * 30)

    assert NycTlcHook("mine").test_connection() == (
        True,
        f"{files.url} answers and has green 2021-01; {tmp_path} answers and does not have green 2021-01.",
    )
    assert files.requests == [("HEAD", f"/{PATH}")]


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ("/no/such/folder", "does not exist"),
        ("ftp://x", "is not a source"),
        ("{url}", "answered HEAD with 503"),
    ],
)
def test_the_test_button_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, files: FileServer, sources: str, said: str
) -> None:
    files.answer(PATH, Reply(status=503))
    connect(monkeypatch, "mine", conn_type="nyc_tlc", extra={"sources": sources.format(url=files.url)})

    well, message = NycTlcHook("mine").test_connection()

    assert not well
    assert said in message


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        ({"conn_type": "generic", "host": "http://127.0.0.1:8099"}, "http://127.0.0.1:8099"),
        ({"conn_type": "generic", "host": "https://shop.example/api/"}, "https://shop.example/api"),
        ({"conn_type": "http", "host": "127.0.0.1", "port": 8099}, "http://127.0.0.1:8099"),
        ({"conn_type": "generic", "host": "shop.example"}, "https://shop.example"),
        ({"conn_type": "http", "host": "shop.example", "schema": "https"}, "https://shop.example"),
    ],
)
def test_the_address_of_the_products(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], url: str
) -> None:
    connect(monkeypatch, "products_api", **connection)

    assert ProductsHook().url() == url


def test_the_address_of_the_products_as_a_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PRODUCTS_API", "http://127.0.0.1:8099")

    assert ProductsHook().url() == "http://127.0.0.1:8099"


PRODUCTS = b'{"products": [{"id": 1}], "total": 194, "skip": 0}'


@pytest.mark.parametrize(
    ("values", "reply", "answer"),
    [
        ({}, Reply(PRODUCTS), (True, "The API answers and has 194 products.")),
        ({}, Reply(status=503), (False, "{url}/products answered GET with 503 Service Unavailable. Try")),
        ({}, Reply(b"<html>"), (False, "{url}/products did not answer with a page of products. Check")),
        ({"host": ""}, Reply(), (False, "The connection has no host. Set it to the API's address, for")),
        ({"host": "ftp://host"}, Reply(), (False, "ftp://host/products cannot be requested: ")),
    ],
)
def test_the_test_button_of_the_products_api_answers_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    files: FileServer,
    values: dict[str, Any],
    reply: Reply,
    answer: tuple[bool, str],
) -> None:
    connect(
        monkeypatch, "random", **{"conn_type": "nyc_taxi_products", "host": files.url, "port": 0, **values}
    )
    files.answer("/products", reply)

    well, said = BaseHook.get_connection("random").test_connection()

    assert well is answer[0]
    assert said.startswith(answer[1].format(url=files.url))
    assert "random" not in said


USES: dict[str, Callable[[], object]] = {
    "sources": lambda: NycTlcHook("nobody_made_it").sources(),
    "sources in the triggerer": lambda: asyncio.run(NycTlcHook("nobody_made_it").asources()),
    "products": lambda: ProductsHook("nobody_made_it").url(),
    "warehouse": lambda: warehouse("postgres", "nobody_made_it").check(),
    "dbt": lambda: warehouse_hook("postgres", "nobody_made_it").dbt_access(),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_connection_that_is_not_found_is_an_error_that_is_retried(use: Callable[[], object]) -> None:
    with pytest.raises(ConnectionNotFound, match=r"no connection nobody_made_it, .* airflow connections add"):
        use()

    assert issubclass(ConnectionNotFound, TransientError)


def test_a_warehouse_is_opened_through_its_connection(
    monkeypatch: pytest.MonkeyPatch, warehouse_uri: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", warehouse_uri)

    assert warehouse("postgres").check().startswith("Postgres ")


def test_a_warehouse_that_does_not_answer_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", "postgresql://taxi@127.0.0.1:1/taxi")

    with pytest.raises(WarehouseUnreachable, match=r"postgres_taxi at 127\.0\.0\.1"):
        warehouse("postgres").check()


def test_the_warehouses_test_button_says_in_one_sentence_what_is_there(
    monkeypatch: pytest.MonkeyPatch, warehouse_uri: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", warehouse_uri)

    works, said = TaxiPostgresHook().test_connection()

    assert works
    assert said.startswith("Postgres 18")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda uri: uri.replace("taxi:", "taxi:not-"), "refused the password of user taxi"),
        (lambda uri: f"{uri}_elsewhere", "has no database"),
        (lambda uri: "postgresql://taxi:secret@127.0.0.1:1/taxi", "cannot be reached"),
    ],
)
def test_the_warehouses_test_button_says_in_one_sentence_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, warehouse_uri: str, wrong: Callable[[str], str], sentence: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", wrong(warehouse_uri))

    works, said = TaxiPostgresHook().test_connection()

    assert not works
    assert sentence in said
    assert "\n" not in said
    assert "secret" not in said


def test_the_warehouses_test_button_refuses_an_old_server(
    monkeypatch: pytest.MonkeyPatch, warehouse_uri: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", warehouse_uri)
    monkeypatch.setattr("nyc_taxi.postgres.sessions.OLDEST", 99)
    database = warehouse_uri.rpartition("/")[2]

    assert TaxiPostgresHook().test_connection() == (
        False,
        f"The warehouse {database} is Postgres 18; 99 or newer is needed. "
        "Point the connection at a newer server.",
    )
