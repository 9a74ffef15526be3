"""The connection to the products API of the getting_started DAG."""

from __future__ import annotations

from airflow.sdk import BaseHook

from nyc_taxi import settings
from nyc_taxi.errors import InvalidSource, TaxiError
from nyc_taxi.hooks.connection import expected, without_id


class ProductsHook(BaseHook):
    """Knows the address of the products API.

    :param products_conn_id: connection whose host is a host name or a whole address
    """

    conn_name_attr = "products_conn_id"
    default_conn_name = settings.PRODUCTS_CONN_ID
    conn_type = "nyc_taxi_products"
    hook_name = "Products API of the first pipeline"

    def __init__(self, products_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.products_conn_id = products_conn_id

    def url(self) -> str:
        """Return the base address of the products API, without a slash at its end.

        :raises InvalidSource: when the connection has no host
        :raises ConnectionNotFound: when Airflow does not find the connection
        """
        with expected(self.products_conn_id, self.conn_type):
            connection = self.get_connection(self.products_conn_id)
        host = connection.host or ""
        if not host:
            raise InvalidSource(
                f"The connection {self.products_conn_id} has no host. Set it to the API's address, for "
                "example https://dummyjson.com"
            )
        if "://" not in host:
            scheme = connection.schema or connection.conn_type
            host = f"{scheme if scheme in {'http', 'https'} else 'https'}://{host}"
        port = f":{connection.port}" if connection.port else ""
        return host.rstrip("/") + port

    def test_connection(self) -> tuple[bool, str]:
        """Request one page of products, and return how many there are."""
        from nyc_taxi.products import count_products

        try:
            return True, f"The API answers and has {count_products(self.url())} products."
        except TaxiError as error:
            return False, without_id(str(error), self.products_conn_id)
