"""The Airflow half of the Postgres adapter: from its connection type to a warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow.providers.postgres.hooks.postgres import PostgresHook

from nyc_taxi.errors import TaxiError
from nyc_taxi.hooks.connection import expected
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from nyc_taxi.targets import get_target

if TYPE_CHECKING:
    import psycopg
    from airflow.sdk import Connection


class TaxiPostgresHook(PostgresHook):
    """A Postgres connection, tested for what the taxi DAGs need from it.

    Connections of the type ``postgres`` work as well; only their Test button checks less.
    """

    default_conn_name = get_target("postgres").conn_id
    conn_type = "nyc_taxi_postgres"
    hook_name = "Taxi warehouse (Postgres)"

    def warehouse(self) -> PostgresWarehouse:
        """Return the warehouse; a connection to it is opened when it is used."""
        return PostgresWarehouse(open=self._open, name=self.get_conn_id())

    def dbt_environment(self) -> dict[str, str]:
        """Return what the dbt project's profile reads from the environment.

        Neither a log nor the list of processes shows a process's environment, and so the password.

        :raises ConnectionNotFound: when Airflow does not find the connection
        """
        connection = self._found()
        return {
            "NYC_TAXI_WAREHOUSE_HOST": connection.host or "",
            "NYC_TAXI_WAREHOUSE_PORT": str(connection.port or 5432),
            "NYC_TAXI_WAREHOUSE_USER": connection.login or "",
            "NYC_TAXI_WAREHOUSE_PASSWORD": connection.password or "",
            "NYC_TAXI_WAREHOUSE_DATABASE": connection.schema or "",
            "PGSSLMODE": str(connection.extra_dejson.get("sslmode", "prefer")),
        }

    def test_connection(self) -> tuple[bool, str]:  # type: ignore[override]  # the base declares no type
        """Return whether months can be loaded there, and one sentence about it."""
        try:
            return True, self.warehouse().check()
        except TaxiError as error:
            return False, str(error)

    def _found(self) -> Connection:
        with expected(self.get_conn_id(), self.conn_type):
            return self.connection

    def _open(self) -> psycopg.Connection[Any]:
        # A hook remembers its last connection to the server, so threads must not share one.
        hook = type(self)(self.get_conn_id(), connection=self._found())
        return cast("psycopg.Connection[Any]", hook.get_conn())
