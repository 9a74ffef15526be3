"""Loads TLC's lookup table of the 265 taxi zones into `raw.taxi_zone_lookup`.

Both editions of the file are read, by column name. The table is replaced in one transaction: readers see
either the old zones or the new ones.
"""

from __future__ import annotations

from airflow.sdk import DAG

from nyc_taxi import settings
from nyc_taxi.operators.zones import LoadZonesOperator

for target in settings.TARGETS:
    with DAG(
        dag_id=target.dag_id("zones"),
        description=f"Load the lookup table of the taxi zones into {target.title}",
        doc_md=__doc__,
        schedule=None,
        start_date=settings.START_DATE,
        max_active_runs=1,
        default_args=settings.default_args(),
        tags=settings.tags(target.name, "zones"),
    ):
        LoadZonesOperator(
            task_id="load_zones",
            target=target.name,
            pool=target.pool,
            doc_md="Downloads the lookup from the first source that has it, and replaces the table.",
        )
