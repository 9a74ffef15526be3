"""The monthly DAGs: one per warehouse and dataset."""

from __future__ import annotations

from airflow.sdk import DAG

from nyc_taxi import settings
from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.pipelines import force_param, load_month, month_param

DOC = """
{description}

Each run waits for the file of its month, stages it, audits it and publishes it as a whole. If the
month already holds the same file, nothing changes; a republished file replaces the month.

* **Several months**: `airflow dags backfill {dag_id} -s 2021-01 -e 2021-03` loads January to March 2021. So
  does **Backfill** in the form, from 2021-01-01 to 2021-03-01.
* **One month**: trigger the DAG with the month, for example `2021-01`.
* **Again**: clear the run, or trigger it with **Load again**.

The trips are in `raw.{table}`, the attempts to load them in `ops.file_ledger`, and rows that could not be
loaded in `ops.rejected_rows`.
"""

for target in settings.TARGETS:
    for dataset in map(get_dataset, dataset_names()):
        with DAG(
            dag_id=target.dag_id(dataset.name),
            description=f"Load a month of {dataset.title.lower()} into {target.title}",
            doc_md=DOC.format(
                description=dataset.description, dag_id=target.dag_id(dataset.name), table=dataset.table
            ),
            schedule=settings.ingest_timetable(),
            start_date=settings.START_DATE,
            catchup=False,
            max_active_runs=settings.MAX_ACTIVE_RUNS,
            deadline=settings.overdue(),
            default_args=settings.default_args(),
            params={"month": month_param(), "force": force_param()},
            tags=settings.tags(target.name, "ingest", dataset.name),
        ):
            load_month(target, dataset=dataset.name)
