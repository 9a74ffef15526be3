"""The connection type of the warehouse: a Postgres connection whose test says what a load would say."""

from __future__ import annotations

from airflow.providers.postgres.hooks.postgres import PostgresHook

from nyc_taxi import settings
from nyc_taxi.errors import TaxiError
from nyc_taxi.hooks.warehouse import warehouse


class TaxiPostgresHook(PostgresHook):
    """A Postgres connection that is tested for what the taxi DAGs need of it.

    Connections of the plain type ``postgres`` work just as well; only their test asks for less.
    """

    default_conn_name = settings.POSTGRES_CONN_ID
    conn_type = "nyc_taxi_postgres"
    hook_name = "Taxi warehouse (Postgres)"

    def test_connection(self) -> tuple[bool, str]:  # type: ignore[override]  # the base declares no type
        """Return whether months can be loaded there, with one sentence that says it or why not."""
        try:
            return True, warehouse(self.get_conn_id()).check()
        except TaxiError as error:
            return False, str(error)
