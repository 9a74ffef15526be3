"""The Airflow half of the Postgres adapter: from its connection type to a warehouse."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.postgres.hooks.postgres import PostgresHook

from nyc_taxi.errors import TaxiError
from nyc_taxi.hooks.connection import expected
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from nyc_taxi.targets import get_target

if TYPE_CHECKING:
    import psycopg
    from airflow.sdk import Connection

    from nyc_taxi.dbt.access import Access


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

    def dbt_access(self) -> Access:
        """Return how dbt opens a session like this connection's; one is opened to find out.

        :raises ConnectionNotFound: when Airflow does not find the connection
        """
        return self.warehouse().dbt_access()

    def test_connection(self) -> tuple[bool, str]:  # type: ignore[override]  # the base declares no type
        """Return whether months can be loaded there, and one sentence about it.

        Airflow tests a copy of the connection under a random id, which nobody would recognise.
        """
        try:
            tested = self._found()
            name = tested.schema or tested.host or "of this connection"
            return True, replace(self.warehouse(), name=name).check()
        except TaxiError as error:
            return False, str(error)

    def _found(self) -> Connection:
        """Return the connection without the blanks that a form sends for its empty fields."""
        with expected(self.get_conn_id(), self.conn_type):
            found = copy(self.connection)
        for field in ("host", "port", "login", "password", "schema"):
            setattr(found, field, getattr(found, field) or None)
        return found

    def _open(self) -> psycopg.Connection[Any]:
        # A hook remembers its last connection to the server, so threads must not share one.
        hook = type(self)(self.get_conn_id(), connection=self._found())
        return cast("psycopg.Connection[Any]", hook.get_conn())
