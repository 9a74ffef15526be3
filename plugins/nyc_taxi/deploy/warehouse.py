"""The warehouse's tables, where Airflow has a connection to a warehouse."""

from __future__ import annotations

from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from nyc_taxi import settings
from nyc_taxi.deploy.output import Patience, say
from nyc_taxi.errors import TransientError
from nyc_taxi.hooks.warehouse import warehouse


def prepare_warehouse(seconds: float) -> None:
    """Create or upgrade the warehouse's tables, whichever way Airflow knows the connection.

    :param seconds: time that the warehouse gets to answer
    :raises TaxiError: when it did not by then, or refuses
    """
    conn_id = settings.POSTGRES_CONN_ID
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        say(
            f"Airflow has no connection {conn_id}, so no warehouse was prepared. Set "
            "NYC_TAXI_WAREHOUSE_HOST, or create the connection, and run init again."
        )
        return
    patience = Patience("the warehouse", seconds)
    while True:
        try:
            warehouse(conn_id).prepare()
        except TransientError as error:
            if not patience.again(str(error).partition(". ")[0]):
                raise
        else:
            return
