"""The connection to the Postgres warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow.sdk.exceptions import AirflowNotFoundException

from nyc_taxi import settings
from nyc_taxi.errors import WarehouseRefused
from nyc_taxi.hooks.missing import confirm_missing

if TYPE_CHECKING:
    import psycopg

    from nyc_taxi.postgres.warehouse import PostgresWarehouse


def warehouse(postgres_conn_id: str = settings.POSTGRES_CONN_ID) -> PostgresWarehouse:
    """Return the warehouse behind a Postgres connection; nothing is opened yet.

    :param postgres_conn_id: connection of the type ``postgres``
    """
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    from nyc_taxi.postgres.warehouse import PostgresWarehouse

    hook = PostgresHook(postgres_conn_id=postgres_conn_id)

    def open() -> psycopg.Connection[Any]:
        try:
            return cast("psycopg.Connection[Any]", hook.get_conn())
        except AirflowNotFoundException:
            confirm_missing(postgres_conn_id)
            raise WarehouseRefused(
                f"Airflow has no connection {postgres_conn_id} that it can read. Create it with the type "
                "postgres and the warehouse's host, database, login and password; in a URI, the password's "
                "special characters are percent-encoded."
            ) from None

    return PostgresWarehouse(open=open, name=postgres_conn_id)
