"""Loads the datasets and months that you choose into Postgres.

Choose the datasets in the form, and write the months: one (`2021-01`), several (`2021-01, 2021-03`), a
range with both ends included (`2021-01..2021-06`), or any mix of them. Every month goes through the same
four tasks as in the monthly DAGs, and goes on by itself: one that waits for its file holds up no other.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task, task_group

from nyc_taxi import settings
from nyc_taxi.pipelines import force_param, load_to_postgres

DATASETS = {"yellow": "Yellow taxis", "green": "Green taxis", "fhv": "For-hire vehicles"}

with DAG(
    dag_id="taxi_postgres",
    description="Load chosen months of chosen datasets into Postgres",
    doc_md=__doc__,
    schedule=None,
    start_date=settings.START_DATE,
    max_active_runs=settings.MAX_ACTIVE_RUNS,
    default_args=settings.default_args(),
    params={
        "datasets": Param(
            ["green"],
            type="array",
            title="Datasets",
            description="One or several of the datasets.",
            items={"type": "string", "enum": list(DATASETS)},
            examples=list(DATASETS),
            values_display=DATASETS,
            minItems=1,
            uniqueItems=True,
        ),
        "months": Param(
            "2021-01",
            type="string",
            minLength=7,
            title="Months",
            description_md="Such as `2021-01`, `2021-01, 2021-03` or `2021-01..2021-06`.",
        ),
        "force": force_param(),
    },
    tags=settings.tags("postgres", "ingest"),
):

    @task(doc_md="Reads the months of the form, and returns one entry per dataset and month.")
    def plan(**context: Any) -> list[dict[str, str]]:
        """Return the datasets and months of the form."""
        from nyc_taxi.core.chosen_months import chosen_months

        return chosen_months(context["params"]["datasets"], context["params"]["months"])

    @task_group(tooltip="The four tasks of one month")
    def load(dataset: str, month: str) -> None:
        """Load one month."""
        load_to_postgres(dataset=dataset, month=month)

    load.expand_kwargs(plan())
