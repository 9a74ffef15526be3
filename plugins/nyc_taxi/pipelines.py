"""Wiring that several DAG files share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from nyc_taxi import settings
from nyc_taxi.core.month import MONTH_PATTERN
from nyc_taxi.operators.audit import AuditMonthOperator
from nyc_taxi.operators.publish import PublishMonthOperator
from nyc_taxi.operators.stage import StageMonthOperator
from nyc_taxi.sensors.publication import PublicationSensor

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, XComArg

FORCE = "{{ params.force }}"


def month_param() -> Param:
    """Return the form field for a run's month."""
    return Param(
        None,
        type=["null", "string"],
        pattern=MONTH_PATTERN,
        title="Month",
        description_md=(
            "The month to load, such as `2021-01`; a run that is started by hand needs it. Scheduled and "
            "backfill runs leave it empty: their month is the one in which their data interval starts."
        ),
    )


def force_param() -> Param:
    """Return the form field that says whether an unchanged file is loaded again."""
    return Param(
        False,
        type="boolean",
        title="Load again",
        description_md="Load the file even if the month holds exactly this file already.",
    )


def load_to_postgres(*, dataset: str | Any, month: str | Any | None = None) -> XComArg:
    """Add the tasks that load one month into Postgres to the DAG or task group being built.

    :param dataset: name of the dataset, or a value that is mapped over
    :param month: the month, or a value that is mapped over; None for the run's own month
    :returns: what the last task returns
    """
    mapped = month is not None
    publication = PublicationSensor(
        task_id="wait_for_file",
        dataset=dataset,
        month=month,
        map_index_template="{{ task.dataset }} {{ task.month }}" if mapped else None,
        doc_md="Asks the source whether the month's file is there, and waits for it without a worker: "
        "TLC publishes about two months after a month's end.",
    )
    staged = StageMonthOperator(
        task_id="stage",
        publication=_output(publication),
        force=FORCE,
        map_index_template=_named("publication") if mapped else None,
        pool=settings.POOL,
        doc_md="Downloads the file and copies it into a table of this attempt alone. "
        "An unchanged file is not downloaded.",
    )
    audited = AuditMonthOperator(
        task_id="audit",
        staged=_output(staged),
        map_index_template=_named("staged") if mapped else None,
        pool=settings.POOL,
        doc_md="Checks the staged rows: all rows accounted for, rejects, months of the pickups, volume.",
    )
    published = PublishMonthOperator(
        task_id="publish",
        staged=_output(audited),
        map_index_template=_named("staged") if mapped else None,
        pool=settings.POOL,
        doc_md="Puts the staged rows in the month's place in one transaction, and tells consumers.",
    )
    return published.output


def _named(argument: str) -> str:
    """Return the template that names a mapped task after its dataset and month."""
    return f"{{{{ task.{argument}['dataset'] }}}} {{{{ task.{argument}['month'] }}}}"


def _output(task: BaseOperator) -> Any:
    """Return a task's future result, which stands in for the value until the next task runs."""
    return task.output
