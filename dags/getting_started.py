"""A first pipeline: products from an HTTP API, averaged by brand.

`extract` reads all pages of the API that the connection `products_api` names (dummyjson.com when there is
none), `transform` keeps the chosen columns with pandas, and `query` asks DuckDB for the average price of
every brand. Products without a brand are in no brand's average.
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
            description="One a line. The query needs brand and price.",
        ),
    },
    tags=settings.tags("example"),
):

    @task(doc_md="Reads all pages of the products API.")
    def extract() -> list[dict[str, Any]]:
        """Return all products."""
        from nyc_taxi.core.products import fetch_products
        from nyc_taxi.hooks.products import products_url

        return fetch_products(products_url())

    @task(doc_md="Keeps the chosen columns of every product, in their order.")
    def transform(products: list[dict[str, Any]], **context: Any) -> list[dict[str, Any]]:
        """Return the products with the chosen columns alone."""
        from nyc_taxi.core.products import keep_columns

        return keep_columns(products, context["params"]["columns_to_keep"])

    @task(doc_md="Asks DuckDB for the average price of every brand, the dearest first.")
    def query(products: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return every brand's average price."""
        from nyc_taxi.core.products import as_table, average_prices

        averages = average_prices(products)
        log.info("Average price by brand:\n%s", as_table(averages))
        return averages

    query(transform(extract()))  # type: ignore[arg-type]  # results that are not there yet
