"""Builds the marts in Postgres from the months that arrived, with dbt.

Every month that an ingest DAG publishes starts a run. It builds all months that the ledger holds and the
marts do not, so that a month which arrives late, twice or out of order is built all the same; a run that
finds none left says so and skips. Months whose data fail a test of severity *error* do not reach the marts,
which keep their last content.

By hand: leave the form as it is to build what is missing, or name months to build them again. **dev** writes
to schemas with a prefix, beside the ones that people read.

[The documentation of the models](/nyc-taxi/dbt/transform_postgres), as the last run published it.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task

from nyc_taxi import settings
from nyc_taxi.operators.dbt import DbtOperator
from nyc_taxi.operators.dbt_docs import PublishDbtDocsOperator
from nyc_taxi.operators.zones import LoadZonesOperator

with DAG(
    dag_id="transform_postgres",
    description="Build the marts in Postgres from the months that arrived, with dbt",
    doc_md=__doc__,
    schedule=settings.transform_timetable(),
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
            description="What dbt does. build runs the models and their tests.",
        ),
        "months": Param(
            None,
            type=["null", "string"],
            title="Months",
            description_md="Such as `2021-01, 2021-03..2021-06`. Empty: the months that are not built yet.",
        ),
        "full_refresh": Param(
            False,
            type="boolean",
            title="Full refresh",
            description="Build every model anew from all months.",
        ),
        "select": Param(
            None,
            type=["null", "string"],
            title="Select",
            description_md="Models to work on, as dbt's `--select` takes them: `fct_trips+`. Empty: all.",
        ),
        "target": Param(
            settings.DBT_TARGET,
            type="string",
            enum=["prod", "dev"],
            title="Target",
            description="dev writes to schemas with a prefix.",
        ),
    },
    tags=settings.tags("postgres", "dbt"),
):

    @task(doc_md="Reads the form and the ledger, and returns what dbt is to be called for.")
    def resolve_months(**context: Any) -> dict[str, Any] | None:
        """Return the arguments of the call, or nothing when every month is built."""
        from nyc_taxi.hooks.dbt import resolve_work

        return resolve_work(context["params"])

    zones = LoadZonesOperator(
        task_id="load_zones",
        only_if_missing=True,
        doc_md="Loads the lookup of the zones, which the marts need, unless it is there.",
    )
    work = resolve_months()
    built = DbtOperator(
        task_id="dbt",
        work=work,  # type: ignore[arg-type]  # a result that is not there yet
        doc_md="Runs dbt on the months. A retry runs only what failed.",
    )
    docs = PublishDbtDocsOperator(
        task_id="publish_docs",
        doc_md="Generates the documentation of the models, and publishes it for the DAG's page.",
    )
    [work, zones] >> built >> docs
