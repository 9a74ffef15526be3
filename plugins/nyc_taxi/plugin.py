"""The package's Airflow plugin, found by its entry point."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from nyc_taxi import listener
from nyc_taxi.deadlines import RunCreated
from nyc_taxi.partitions import MonthOfDataset
from nyc_taxi.timetables import MonthlyTimetable
from nyc_taxi.ui import LazyPages
from nyc_taxi.ui.form import MonthsOfForm

_SCRIPT = "nyc-taxi/coverage.js"


class NycTaxiPlugin(AirflowPlugin):
    """Adds notes of runs, what the DAGs declare, checks of the form, and pages."""

    name = "nyc_taxi"
    listeners: list[object] = [listener]  # noqa: RUF012  # as Airflow declares it
    partition_mappers: list[type] = [MonthOfDataset]  # noqa: RUF012
    deadline_references: list[type] = [RunCreated]  # noqa: RUF012
    timetables: list[type] = [MonthlyTimetable]  # noqa: RUF012
    fastapi_apps: list[dict[str, object]] = [  # noqa: RUF012
        {"app": LazyPages(), "url_prefix": "/nyc-taxi", "name": "NYC taxi"}
    ]
    fastapi_root_middlewares: list[dict[str, object]] = [  # noqa: RUF012
        {"middleware": MonthsOfForm, "name": "Months of a trigger form"}
    ]
    # Airflow finds the component of each by its name, which the script gives it.
    react_apps: list[dict[str, object]] = [  # noqa: RUF012
        {
            "name": "Month coverage",
            "bundle_url": _SCRIPT,
            "destination": "nav",
            "url_route": "month-coverage",
            "category": "browse",
        },
        {"name": "Month coverage of home", "bundle_url": _SCRIPT, "destination": "dashboard"},
    ]
