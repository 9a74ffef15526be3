"""Builds the marts with dbt."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task

from nyc_taxi import settings
from nyc_taxi.operators.dbt import DbtOperator
from nyc_taxi.operators.dbt_docs import PublishDbtDocsOperator
from nyc_taxi.operators.zones import LoadZonesOperator
from nyc_taxi.pods.wiring import pod_profile

DOC = """
Builds the marts from the loaded months, with dbt.

Each month that an ingest DAG publishes starts a run. A run builds every month of which the marts do not
have the version in the ledger, so months may come late, twice or out of order. When nothing is missing, the
run skips. If a month's data fail a test of severity *error*, the marts keep their previous content.

**Manual runs**: leave the form unchanged to build what is missing, or enter months to build them again.
The target **dev** writes to schemas with a prefix, next to those that people read.

[The documentation of the models](/nyc-taxi/dbt/{dag_id}), as published by the last run.
"""


@task(doc_md="Reads the form and the ledger, and returns the arguments of the call of dbt.")
def resolve_months(target: str, **context: Any) -> dict[str, Any] | None:
    """Return the arguments of the call, or None when every month is built."""
    from nyc_taxi.hooks.dbt import resolve_work

    return resolve_work(context["params"], target)


for target in settings.TARGETS:
    with DAG(
        dag_id=target.dag_id("transform"),
        description=f"Build the marts in {target.title} from the loaded months, with dbt",
        doc_md=DOC.format(dag_id=target.dag_id("transform")),
        schedule=settings.transform_timetable(target),
        start_date=settings.START_DATE,
        catchup=False,
        max_active_runs=1,
        default_args=settings.default_args(),
        params={
            "command": Param(
                "build",
                type="string",
                enum=["build", "run", "test", "debug", "freshness", "docs"],
                title="Command",
                description="The command of dbt. build runs the models and their tests.",
            ),
            "months": Param(
                None,
                type=["null", "string"],
                title="Months",
                description_md="For example `2021-01, 2021-03..2021-06`. Empty: the months that are missing.",
            ),
            "full_refresh": Param(
                False,
                type="boolean",
                title="Full refresh",
                description="Rebuild every model from all months.",
            ),
            "select": Param(
                None,
                type=["null", "string"],
                title="Select",
                description_md="Models to build, as in dbt's `--select`: `fct_trips+`. Empty: all.",
            ),
            "target": Param(
                settings.DBT_TARGET,
                type="string",
                enum=["prod", "dev"],
                title="Target",
                description="dev writes to schemas with a prefix.",
            ),
        },
        tags=settings.tags(target.name, "dbt"),
    ):
        zones = LoadZonesOperator(
            task_id="load_zones",
            target=target.name,
            only_if_missing=True,
            doc_md="Loads the lookup of the zones, which the marts need, unless it is there.",
        )
        work = resolve_months(target.name)
        built = DbtOperator(
            task_id="dbt",
            work=work,  # type: ignore[arg-type]  # a future result
            target=target.name,
            executor_config=pod_profile("dbt"),
            doc_md="Runs dbt on the months. A retry runs only what failed.",
        )
        docs = PublishDbtDocsOperator(
            task_id="publish_docs",
            target=target.name,
            executor_config=pod_profile("dbt"),
            doc_md="Generates the documentation of the models, and publishes it for the DAG's page.",
        )
        [work, zones] >> built >> docs
