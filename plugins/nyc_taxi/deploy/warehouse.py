"""The tables of the warehouses that Airflow has a connection to."""

from __future__ import annotations

from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from nyc_taxi import settings
from nyc_taxi.deploy.console import Retry, say
from nyc_taxi.errors import TransientError
from nyc_taxi.hooks.warehouse import warehouse


def prepare_warehouse(timeout: float) -> None:
    """Create or upgrade the warehouse's tables, wherever Airflow's connection to it comes from.

    :param timeout: seconds to wait for the warehouse
    :raises TaxiError: if it did not answer, or refused
    """
    conn_id = settings.POSTGRES_CONN_ID
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        say(
            f"Airflow has no connection {conn_id}, so no warehouse was prepared. "
            "Set NYC_TAXI_WAREHOUSE_HOST or create the connection, then run init again."
        )
        return
    retry = Retry("the warehouse", timeout)
    while True:
        try:
            warehouse(conn_id).prepare()
            return
        except TransientError as error:
            if not retry.again(str(error).partition(". ")[0]):
                raise
