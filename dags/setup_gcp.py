"""Creates the bucket and the datasets that the BigQuery warehouse needs, when they are missing.

Run it once, after the connection `bigquery_taxi` has a project and a bucket. Names, locations, rights and
billing are checked first. What exists keeps its settings, so that another run changes nothing.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from nyc_taxi import settings
from nyc_taxi.operators.setup_gcp import SetUpGcpOperator

for target in (one for one in settings.TARGETS if one.name == "bigquery"):
    with DAG(
        dag_id="setup_gcp",
        description="Create what BigQuery needs: a bucket, datasets and tables",
        doc_md=__doc__,
        schedule=None,
        start_date=settings.START_DATE,
        max_active_runs=1,
        params={
            "landing_days": Param(
                None,
                type=["null", "integer"],
                minimum=1,
                title="Days to keep the files",
                description=(
                    "A new bucket deletes the source's files after this many days. Empty keeps them for ever."
                ),
            )
        },
        default_args=settings.default_args(),
        tags=settings.tags(target.name, "setup"),
    ):
        SetUpGcpOperator(
            task_id="create_what_is_missing",
            landing_days="{{ params.landing_days or '' }}",
            doc_md="Checks names, locations, rights and billing, then creates what is missing.",
        )
