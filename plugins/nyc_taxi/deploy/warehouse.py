"""The tables of each warehouse that Airflow has a connection to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from nyc_taxi.deploy.console import ATTENTION, Retry, say
from nyc_taxi.errors import TaxiError, TransientError, WarehouseNotSetUp
from nyc_taxi.hooks.bigquery import TaxiBigQueryHook
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.options import configured_targets

if TYPE_CHECKING:
    from nyc_taxi.targets import Target


def prepare_warehouses(timeout: float) -> None:
    """Create or upgrade the tables of each warehouse of this deployment.

    :param timeout: seconds to wait for each warehouse
    :raises TaxiError: if one did not answer, or refused
    """
    for target in configured_targets():
        try:
            BaseHook.get_connection(target.conn_id)
        except AirflowNotFoundException:
            say(
                f"Airflow has no connection {target.conn_id}, so {target.title} was not prepared. Set the "
                "variables that the connection takes from the environment, or create it, then run init again."
            )
        else:
            _prepare(target, timeout)


def _prepare(target: Target, timeout: float) -> None:
    retry = Retry("the warehouse", timeout)
    while True:
        try:
            _prepare_once(target)
            return
        except WarehouseNotSetUp as error:
            say(f"{ATTENTION} {error}")
            return
        except TransientError as error:
            if not retry.again(str(error).partition(". ")[0]):
                raise


def _prepare_once(target: Target) -> None:
    """Prepare a warehouse, and set up one on emulators; elsewhere a person does that with the DAG setup_gcp.

    :raises WarehouseNotSetUp: if a bucket or a dataset is missing, and could not be created
    """
    try:
        warehouse(target).prepare()
    except WarehouseNotSetUp as missing:
        hook = TaxiBigQueryHook(target.conn_id)
        if not hook.place().emulated:
            raise
        try:
            report = hook.set_up()
        except TaxiError:
            raise missing from None
        for sentence in report:
            say(sentence)
