"""The tables of each warehouse that Airflow has a connection to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from nyc_taxi.deploy.output import Patience, say
from nyc_taxi.errors import TransientError
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.options import configured_targets

if TYPE_CHECKING:
    from nyc_taxi.targets import Target


def prepare_warehouse(seconds: float) -> None:
    """Create or upgrade the tables of each warehouse of this deployment.

    :param seconds: how long to wait for each warehouse to answer
    :raises TaxiError: when one did not, or refused
    """
    for target in configured_targets():
        try:
            BaseHook.get_connection(target.conn_id)
        except AirflowNotFoundException:
            say(
                f"Airflow has no connection {target.conn_id}, so the warehouse was not prepared. Set "
                "NYC_TAXI_WAREHOUSE_HOST, or create the connection, and run init again."
            )
        else:
            _prepare(target, seconds)


def _prepare(target: Target, seconds: float) -> None:
    patience = Patience("the warehouse", seconds)
    while True:
        try:
            warehouse(target).prepare()
        except TransientError as error:
            if not patience.again(str(error).partition(". ")[0]):
                raise
        else:
            return
