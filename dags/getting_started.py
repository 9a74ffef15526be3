"""A first pipeline: products from an HTTP API, averaged by brand.

`extract` reads all pages of the API of the connection `products_api` (dummyjson.com, unless it was changed),
`transform` keeps the chosen columns with pandas, and `query` asks DuckDB for the average price per brand.
Products without a brand are ignored.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import DAG, Param, task

from nyc_taxi import settings

log = logging.getLogger(__name__)

with DAG(
    dag_id="getting_started",
    description="Extract products, transform them with pandas, query them with DuckDB",
    doc_md=__doc__,
    schedule=None,
    start_date=settings.START_DATE,
    default_args=settings.default_args(),
    params={
        "columns_to_keep": Param(
            ["brand", "price"],
            type="array",
            items={"type": "string", "minLength": 1},
            uniqueItems=True,
            title="Columns to keep",
            description="One per line. The query needs brand and price.",
        ),
    },
    tags=settings.tags("example"),
):

    @task(doc_md="Reads all pages of the products API.")
    def extract() -> list[dict[str, Any]]:
        """Return all products."""
        from nyc_taxi.hooks.products import ProductsHook
        from nyc_taxi.products import fetch_products

        return fetch_products(ProductsHook().url())

    @task(doc_md="Keeps the chosen columns of every product, in the order of the form.")
    def transform(products: list[dict[str, Any]], **context: Any) -> list[dict[str, Any]]:
        """Return the products with only the chosen columns."""
        from nyc_taxi.products import keep_columns

        return keep_columns(products, context["params"]["columns_to_keep"])

    @task(doc_md="Asks DuckDB for the average price per brand, highest first.")
    def query(products: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the average price of each brand."""
        from nyc_taxi.products import as_table, average_prices

        averages = average_prices(products)
        log.info("Average price by brand:\n%s", as_table(averages))
        return averages

    query(transform(extract()))  # type: ignore[arg-type]  # future results
