"""The package's Airflow plugin, found by its entry point."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from nyc_taxi import listener
from nyc_taxi.partitions import MonthOfDataset
from nyc_taxi.ui import LazyPages


class NycTaxiPlugin(AirflowPlugin):
    """Adds the notes of runs, the partition mapper of the transform DAGs, and pages next to Airflow's."""

    name = "nyc_taxi"
    listeners: list[object] = [listener]  # noqa: RUF012  # as Airflow declares it
    partition_mappers: list[type] = [MonthOfDataset]  # noqa: RUF012
    fastapi_apps: list[dict[str, object]] = [  # noqa: RUF012
        {"app": LazyPages(), "url_prefix": "/nyc-taxi", "name": "NYC taxi"}
    ]
