"""For-hire vehicles, which are booked with a base: a month's trips into `raw.fhv_tripdata`.

Every month's run waits for the month's file, stages it, audits it and publishes it in one transaction.
A run of a month that holds the same file already changes nothing; a file that was published again
replaces the month.

* **Several months**: `airflow dags backfill fhv_postgres -s 2021-01 -e 2021-03` loads January to March
  2021. So does **Backfill** in the form, from 2021-01-01 to 2021-03-01.
* **One month**: trigger the DAG with the month, such as `2021-01`.
* **Again**: clear the run, or trigger it with **Load again**.

What was loaded is in `ops.file_ledger`, and what could not be loaded in `ops.rejected_rows`.
"""

from __future__ import annotations

from airflow.sdk import DAG

from nyc_taxi import settings
from nyc_taxi.pipelines import force_param, load_to_postgres, month_param

with DAG(
    dag_id="fhv_postgres",
    description="Load a month of for-hire vehicle trips into Postgres",
    doc_md=__doc__,
    schedule=settings.ingest_timetable(),
    start_date=settings.START_DATE,
    catchup=False,
    max_active_runs=settings.MAX_ACTIVE_RUNS,
    default_args=settings.default_args(),
    params={"month": month_param(), "force": force_param()},
    tags=settings.tags("postgres", "ingest", "fhv"),
):
    load_to_postgres(dataset="fhv")
