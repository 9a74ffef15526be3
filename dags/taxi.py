"""Loads the datasets and months that you choose in the form.

Select the datasets, and enter the months: one (`2021-01`), several (`2021-01, 2021-03`), a range that
includes both ends (`2021-01..2021-06`), or any mix of them. Every month goes through the same tasks as in
the monthly DAGs, independently of the others: a month that waits for its file delays no other month.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from nyc_taxi import settings
from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.pipelines import force_param, load_chosen_months

for target in settings.TARGETS:
    with DAG(
        dag_id=target.dag_id("taxi"),
        description=f"Load chosen months of chosen datasets into {target.title}",
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
                description="One or more datasets.",
                items={"type": "string", "enum": list(dataset_names())},
                examples=list(dataset_names()),
                values_display={name: get_dataset(name).title for name in dataset_names()},
                minItems=1,
                uniqueItems=True,
            ),
            "months": Param(
                "2021-01",
                type="string",
                minLength=7,
                title="Months",
                description_md="For example `2021-01`, `2021-01, 2021-03` or `2021-01..2021-06`.",
            ),
            "force": force_param(),
        },
        tags=settings.tags(target.name, "ingest"),
    ):
        load_chosen_months(target)
