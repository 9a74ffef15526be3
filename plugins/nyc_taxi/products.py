"""Products of a shop: read from its API, reduced to some columns, and averaged by brand."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from nyc_taxi.core.excerpt import printable, shown
from nyc_taxi.errors import ContractError, DownloadInterrupted, NotTheFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


PAGE = 100
"""Products per request."""


def fetch_products(base_url: str) -> list[dict[str, Any]]:
    """Return every product of the API, however many pages it has.

    :param base_url: address of the API; the products are under ``/products``
    :raises SourceUnreachable: when the API does not answer, or answers that it failed
    :raises SourceRefused: when it answers with a status that a retry will not change
    :raises NotTheFile: when the answer is not a page of products
    :raises DownloadInterrupted: when the pages end before the last product
    """
    url = f"{base_url}/products"
    products: list[dict[str, Any]] = []
    while True:
        page, total = _page(url, skip=len(products))
        products += page
        if len(products) >= total:
            return products
        if not page:
            raise DownloadInterrupted(
                f"{shown(url)} announced {total} products and sent {len(products)}. Run this task again."
            )


def count_products(base_url: str) -> int:
    """Return how many products the API has, with one request; errors as in :func:`fetch_products`."""
    return _page(f"{base_url}/products", skip=0)[1]


def _page(url: str, *, skip: int) -> tuple[list[dict[str, Any]], int]:
    """Return one page of products, and how many there are on all pages."""
    from nyc_taxi.files import http

    with http.request("GET", f"{url}?limit={PAGE}&skip={skip}") as response:
        if response.status_code != 200:
            raise http.failure(response, url)
        try:
            answer = response.json()
            page, total = list(answer["products"]), int(answer["total"])
        except (ValueError, KeyError, TypeError):
            raise NotTheFile(
                f"{shown(url)} did not answer with a page of products. Check the connection's host."
            ) from None
    if answer.get("skip", skip) != skip:
        skipped = printable(str(answer["skip"])[:20])
        raise NotTheFile(f"{shown(url)} has no working pages: asked to skip {skip}, it skipped {skipped}.")
    return page, total


def keep_columns(products: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the products with only some columns, in that order; None where a product has no value.

    :raises ContractError: when no product has one of the columns, or no column is chosen
    """
    import pandas as pd

    frame = pd.DataFrame.from_records(list(products))
    unknown = [column for column in columns if column not in frame.columns]
    if unknown or not columns:
        raise ContractError(
            f"No product has the column {', '.join(unknown) or '(none chosen)'}. "
            f"Choose from: {', '.join(map(str, frame.columns))}."
        )
    kept = frame[list(columns)].astype(object)
    records = kept.where(kept.notna(), None).itertuples(index=False, name=None)
    return [dict(zip(columns, record, strict=True)) for record in records]


def average_prices(products: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each brand with the average price of its products, rounded to cents, highest first.

    Products without a brand are ignored.

    :raises ContractError: when the products lack ``brand`` or ``price``
    :raises ContractError: when DuckDB is not installed
    """
    missing = [column for column in ("brand", "price") if not all(column in product for product in products)]
    if missing:
        raise ContractError(
            f"The average price per brand needs the column {' and '.join(missing)}. "
            "Add it to columns_to_keep and trigger the DAG again."
        )
    try:
        import duckdb
    except ImportError:
        raise ContractError(
            "The query needs DuckDB. Install it: pip install 'airflow-provider-nyc-taxi[duckdb]'."
        ) from None
    import pandas as pd

    frame = pd.DataFrame.from_records(list(products), columns=["brand", "price"])
    with duckdb.connect() as connection:
        connection.register("products", frame)
        rows = connection.execute(files(__package__).joinpath("products.sql").read_text("utf-8")).fetchall()
    return [{"brand": brand, "avg_price": price} for brand, price in rows]


def as_table(averages: Sequence[Mapping[str, Any]]) -> str:
    """Return the averages as a table of text."""
    width = max((len(str(row["brand"])) for row in averages), default=0)
    return "\n".join(f"{row['brand']:<{width}}  {row['avg_price']:>12,.2f}" for row in averages)
