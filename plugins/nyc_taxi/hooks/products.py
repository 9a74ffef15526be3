"""The connection to the products API of the getting_started DAG."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from nyc_taxi import settings
from nyc_taxi.core.products import PUBLIC_API
from nyc_taxi.hooks.missing import confirm_missing


def products_url(conn_id: str = settings.PRODUCTS_CONN_ID) -> str:
    """Return the base URL of the products API, without a slash at its end.

    The connection's host is a host name, or a whole URL.

    :param conn_id: connection of any type; the public API stands in for one that does not exist
    :raises ConnectionsUnavailable: when Airflow could not be asked for the connection
    """
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        confirm_missing(conn_id)
        return PUBLIC_API
    host = connection.host or ""
    if "://" not in host:
        scheme = connection.schema or connection.conn_type
        host = f"{scheme if scheme in {'http', 'https'} else 'https'}://{host}"
    port = f":{connection.port}" if connection.port else ""
    return host.rstrip("/") + port
