"""What the package plugs into Airflow, found by its entry point."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from nyc_taxi import listener


class NycTaxiPlugin(AirflowPlugin):
    """Writes a note on every run that loaded months."""

    name = "nyc_taxi"
    listeners: list[object] = [listener]  # noqa: RUF012  # as Airflow declares it
