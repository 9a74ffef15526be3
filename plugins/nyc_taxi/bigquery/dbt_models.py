"""What dbt has built and measured: its models, read for the load's own records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.api_core import exceptions

from nyc_taxi.bigquery import attempts
from nyc_taxi.bigquery.failures import failures
from nyc_taxi.bigquery.jobs import RETRY, identifier
from nyc_taxi.core.month import Month
from nyc_taxi.dbt.schemas import schema_of
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.warehouse import StaleMonth, new_months

if TYPE_CHECKING:
    from nyc_taxi.bigquery.jobs import Jobs


def stale_months(jobs: Jobs, target: str) -> list[StaleMonth]:
    """Return the months of which the marts lack the published version, oldest first.

    Before the first run of dbt, these are all published ones.

    :param target: dbt's target, ``prod`` or ``dev``
    """
    view = _model(jobs, target, "ops", "stale_months")
    if not _exists(jobs, view):
        return new_months(attempts.find(jobs, outcomes=[Outcome.PUBLISHED]))
    rows = jobs.rows("stale_months", view=identifier(*view))
    return [StaleMonth(dataset, Month.of(month), reason) for dataset, month, reason in rows]


def record_dbt_checks(jobs: Jobs, target: str) -> int:
    """Record what dbt has measured since the last time, in place of its earlier results of the same attempts.

    Measurements of another target than ``prod`` are a trial and not recorded.

    :returns: how many results are new, or of checks that are no longer made
    """
    measured = _model(jobs, target, "intermediate", "int_quality")
    if target != "prod" or not _exists(jobs, measured):
        return 0
    return jobs.change("record_measured", measured=identifier(*measured))


def _model(jobs: Jobs, target: str, layer: str, name: str) -> tuple[str, str]:
    """Return dataset and table of a model of dbt in a target."""
    return f"{jobs.place.prefix}{schema_of(layer, target)}", name


def _exists(jobs: Jobs, table: tuple[str, str]) -> bool:
    with failures(jobs.name):
        try:
            jobs.client.get_table(jobs.table(*table), retry=RETRY)
        except exceptions.NotFound:
            return False
    return True
