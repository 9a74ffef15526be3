"""Finds the busiest day of each month that is loaded: a DAG on top of the trips.

Copy this file into `dags/`. A run starts for each month that is published in Postgres.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, PartitionedAssetTimetable, task

from nyc_taxi import settings
from nyc_taxi.assets import raw_asset
from nyc_taxi.partitions import MonthOfDataset
from nyc_taxi.pipelines import month_param

with DAG(
    dag_id="busiest_day",
    description="Find the busiest day of a month of green taxis",
    doc_md=__doc__,
    schedule=PartitionedAssetTimetable(
        assets=raw_asset("postgres"), default_partition_mapper=MonthOfDataset()
    ),
    start_date=settings.START_DATE,
    default_args=settings.default_args(),
    params={"month": month_param()},
    tags=settings.tags("example"),
):

    @task(doc_md="Counts the trips of each day, and returns the day with the most.")
    def busiest_day(**context: Any) -> str | None:
        """Return the day with the most pickups in the run's month; None without trips."""
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        from nyc_taxi.run_month import month_of_run

        day = PostgresHook("postgres_taxi").get_first(
            "select cast(lpep_pickup_datetime as date) from raw.green_tripdata where file_month = %s "
            "group by 1 order by count(*) desc, 1 limit 1",
            parameters=(month_of_run(context).first_day,),
        )
        return day and str(day[0])

    busiest_day()
