"""Form fields and task chains that several DAG files share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param, task, task_group

from nyc_taxi.operators.audit import AuditMonthOperator
from nyc_taxi.operators.publish import PublishMonthOperator
from nyc_taxi.operators.stage import StageMonthOperator
from nyc_taxi.operators.stage_uploaded import StageUploadedOperator
from nyc_taxi.operators.upload import UploadMonthOperator
from nyc_taxi.pods.wiring import pod_profile
from nyc_taxi.sensors.publication import PublicationSensor

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from nyc_taxi.targets import Target

FORCE = "{{ params.force }}"


def month_param() -> Param:
    """Return the form field for a run's month.

    Airflow's mark for a required field would disable the form's backfill, too, which leaves the month empty.
    :mod:`nyc_taxi.ui.form` refuses a single run without a month, or with something else, in one sentence;
    Airflow would quote the schema.
    """
    return Param(
        None,
        type=["null", "string"],
        title="Month (required for a single run)",
        description_md=(
            "The month to load, in the form `2021-01`. Leave it empty for a backfill: each run loads the "
            "month in which its data interval starts."
        ),
    )


def force_param() -> Param:
    """Return the form field that says whether to load an unchanged file again."""
    return Param(
        False,
        type="boolean",
        title="Load again",
        description_md="Load the file even if the month already holds exactly this file, or far more rows.",
    )


def load_month(target: Target, *, dataset: Any, month: Any = None) -> None:
    """Add the tasks that load one month to the DAG or task group being built.

    :param target: the warehouse
    :param dataset: name of the dataset, or a value that is mapped over
    :param month: the month, or a value that is mapped over; None for the run's own month
    """
    name = "{{ task.dataset }} {{ task.month }}" if month is not None else None
    of_month: dict[str, Any] = {"dataset": dataset, "month": month, "map_index_template": name}
    in_target: dict[str, Any] = {**of_month, "target": target.name, "pool": target.pool}
    publication = PublicationSensor(
        task_id="wait_for_file",
        **of_month,
        executor_config=pod_profile("sensor"),
        doc_md="Asks the source whether the month's file is there, and waits for it without a worker: "
        "TLC publishes a month about two months after its end.",
    )
    staged: BaseOperator
    if target.uploads:
        uploaded = UploadMonthOperator(
            task_id="upload",
            publication=_output(publication),
            force=FORCE,
            **in_target,
            executor_config=pod_profile("load"),
            doc_md="Downloads the file, and puts it and its typed rows into the bucket. "
            "An unchanged file is not downloaded.",
        )
        staged = StageUploadedOperator(
            task_id="stage",
            staged=_output(uploaded),
            **in_target,
            doc_md="Loads the uploaded rows into a table of this attempt alone, and waits for the load job "
            "without a worker.",
        )
    else:
        staged = StageMonthOperator(
            task_id="stage",
            publication=_output(publication),
            force=FORCE,
            **in_target,
            executor_config=pod_profile("load"),
            doc_md="Downloads the file and loads it into a table of this attempt alone. "
            "An unchanged file is not downloaded.",
        )
    audited = AuditMonthOperator(
        task_id="audit",
        staged=_output(staged),
        force=FORCE,
        **in_target,
        doc_md="Checks the staged rows: all rows accounted for, rejects, months of the pickups, volume.",
    )
    PublishMonthOperator(
        task_id="publish",
        staged=_output(audited),
        **in_target,
        doc_md="Replaces the month with the staged rows in one transaction, and notifies consumers.",
    )


def load_chosen_months(target: Target) -> None:
    """Add the tasks that load the months of the form's ``datasets`` and ``months``, each by itself.

    :param target: the warehouse
    """

    @task(doc_md="Reads the months of the form, and returns one entry per dataset and month.")
    def plan(**context: Any) -> list[dict[str, str]]:
        """Return the datasets and months of the form."""
        from nyc_taxi.core.chosen_months import chosen_months

        return chosen_months(context["params"]["datasets"], context["params"]["months"])

    @task_group(tooltip="The tasks of one month")
    def load(dataset: str, month: str) -> None:
        """Load one month."""
        load_month(target, dataset=dataset, month=month)

    load.expand_kwargs(plan())


def _output(task: BaseOperator) -> Any:
    """Return a task's future result, which stands in for the value until the next task runs."""
    return task.output
