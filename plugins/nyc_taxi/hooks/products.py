"""The connection to the products API of the getting_started DAG."""

from __future__ import annotations

from airflow.sdk import BaseHook

from nyc_taxi import settings
from nyc_taxi.hooks.connection import expected


def products_url(conn_id: str = settings.PRODUCTS_CONN_ID) -> str:
    """Return the base URL of the products API, without a slash at its end.

    :param conn_id: a connection of any type, whose host is a host name or a whole URL
    :raises ConnectionNotFound: when Airflow does not find the connection
    """
    with expected(conn_id, "generic"):
        connection = BaseHook.get_connection(conn_id)
    host = connection.host or ""
    if "://" not in host:
        scheme = connection.schema or connection.conn_type
        host = f"{scheme if scheme in {'http', 'https'} else 'https'}://{host}"
    port = f":{connection.port}" if connection.port else ""
    return host.rstrip("/") + port
