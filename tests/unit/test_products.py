from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from nyc_taxi import products
from nyc_taxi.errors import ContractError, DownloadInterrupted, NotTheFile, SourceRefused, SourceUnreachable
from nyc_taxi.products import as_table, average_prices, fetch_products, keep_columns
from tests.file_server import FileServer, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOP = [
    {"id": 1, "title": "Soap", "brand": "Clean", "price": 2.0},
    {"id": 2, "title": "Brush", "brand": "Clean", "price": 2.55},
    {"id": 3, "title": "Apple", "price": 100.0},
    {"id": 4, "title": "Lamp", "brand": "Bright", "price": 10},
]


@pytest.fixture
def files() -> Iterator[FileServer]:
    with FileServer() as server:
        yield server


def page(items: list[dict[str, Any]], **more: Any) -> Reply:
    return Reply(
        json.dumps({"products": items, **more}).encode(), headers={"Content-Type": "application/json"}
    )


def test_all_pages_are_read(files: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "PAGE", 2)
    files.answer("/products", page(SHOP[:2], total=4, skip=0), page(SHOP[2:], total=4, skip=2))

    assert fetch_products(files.url) == SHOP
    assert files.requests == [("GET", "/products?limit=2&skip=0"), ("GET", "/products?limit=2&skip=2")]


def test_a_shop_without_products_is_empty(files: FileServer) -> None:
    files.answer("/products", page([], total=0, skip=0))

    assert fetch_products(files.url) == []


def test_pages_that_end_early_are_an_error(files: FileServer) -> None:
    files.answer("/products", page(SHOP, total=9), page([], total=9))

    with pytest.raises(DownloadInterrupted, match="announced 9 products and sent 4"):
        fetch_products(files.url)


def test_an_api_that_turns_no_pages_is_an_error(files: FileServer) -> None:
    files.answer("/products", page(SHOP, total=9, skip=0))

    with pytest.raises(NotTheFile, match="asked to skip 4, it skipped 0"):
        fetch_products(files.url)


@pytest.mark.parametrize("body", [b"<html>Log in</html>", b"[]", b'{"products": 3, "total": 1}', b"{}"])
def test_an_answer_that_is_no_page_of_products_is_an_error(files: FileServer, body: bytes) -> None:
    files.answer("/products", Reply(body))

    with pytest.raises(NotTheFile, match="page of products"):
        fetch_products(files.url)


@pytest.mark.parametrize(("status", "error"), [(503, SourceUnreachable), (404, SourceRefused)])
def test_a_status_that_is_not_200_is_an_error(files: FileServer, status: int, error: type[Exception]) -> None:
    files.answer("/products", Reply(status=status))

    with pytest.raises(error, match=str(status)):
        fetch_products(files.url)


def test_columns_are_kept_in_the_order_given_and_absent_values_are_null() -> None:
    kept = keep_columns(SHOP, ["price", "brand"])

    assert [list(product) for product in kept] == [["price", "brand"]] * 4
    assert kept[2] == {"price": 100.0, "brand": None}
    assert json.loads(json.dumps(kept)) == kept


def test_values_that_are_lists_stay_lists() -> None:
    assert keep_columns([{"tags": ["a", "b"]}, {"tags": []}], ["tags"]) == [
        {"tags": ["a", "b"]},
        {"tags": []},
    ]


@pytest.mark.parametrize(("columns", "named"), [(["brand", "prize"], "prize"), ([], "none chosen")])
def test_a_column_that_no_product_has_is_an_error(columns: list[str], named: str) -> None:
    with pytest.raises(ContractError, match=rf"{named}.*Choose from: id, title, brand, price"):
        keep_columns(SHOP, columns)


def test_prices_are_averaged_by_brand_and_products_without_one_are_left_out() -> None:
    averages = average_prices(keep_columns(SHOP, ["brand", "price"]))

    assert averages == [{"brand": "Bright", "avg_price": 10.0}, {"brand": "Clean", "avg_price": 2.28}]
    assert as_table(averages) == "Bright         10.00\nClean           2.28"


def test_brands_are_averaged_when_the_first_products_have_none() -> None:
    many = [{"brand": None, "price": 1.0}] * 5000 + [{"brand": "Late", "price": 3.0}]

    assert average_prices(many) == [{"brand": "Late", "avg_price": 3.0}]


@pytest.mark.parametrize("column", ["brand", "price"])
def test_the_query_names_the_column_that_it_misses(column: str) -> None:
    other = {"brand": "price", "price": "brand"}[column]

    with pytest.raises(ContractError, match=rf"column {column}\. Add it to columns_to_keep"):
        average_prices(keep_columns(SHOP, [other]))


def test_nothing_for_sale_has_no_average() -> None:
    assert average_prices([]) == []
    assert as_table([]) == ""


def test_without_duckdb_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)

    with pytest.raises(ContractError, match=r"airflow-provider-nyc-taxi\[duckdb\]"):
        average_prices([{"brand": "Clean", "price": 1.0}])
