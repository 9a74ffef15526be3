"""The connection to the products API of the getting_started DAG."""

from __future__ import annotations

from airflow.sdk import BaseHook

from nyc_taxi import settings
from nyc_taxi.core.excerpt import shown
from nyc_taxi.errors import TaxiError
from nyc_taxi.hooks.connection import expected


class ProductsHook(BaseHook):
    """The products API, for its connection's Test button.

    :param products_conn_id: connection of the type ``nyc_taxi_products``
    """

    conn_name_attr = "products_conn_id"
    default_conn_name = settings.PRODUCTS_CONN_ID
    conn_type = "nyc_taxi_products"
    hook_name = "Products API (getting_started)"

    def __init__(self, products_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.products_conn_id = products_conn_id

    def test_connection(self) -> tuple[bool, str]:
        """Return whether the API answers, and how many products it has."""
        from nyc_taxi.products import fetch_products

        try:
            url = products_url(self.products_conn_id)
            return True, f"{shown(url)} has {len(fetch_products(url))} products."
        except TaxiError as error:
            return False, str(error)


def products_url(conn_id: str = settings.PRODUCTS_CONN_ID) -> str:
    """Return the base URL of the products API, without a slash at its end.

    :param conn_id: a connection of any type, whose host is a host name or a whole URL
    :raises ConnectionNotFound: when Airflow does not find the connection
    """
    with expected(conn_id, ProductsHook.conn_type):
        connection = BaseHook.get_connection(conn_id)
    host = connection.host or ""
    if "://" not in host:
        scheme = connection.schema or connection.conn_type
        host = f"{scheme if scheme in {'http', 'https'} else 'https'}://{host}"
    port = f":{connection.port}" if connection.port else ""
    return host.rstrip("/") + port
