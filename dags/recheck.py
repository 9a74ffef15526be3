"""Finds months that TLC has republished, once a week, and loads them again.

The first task asks the source about every month in the ledger, with one HEAD request per month. The second
triggers the ingest DAG of each month whose file has changed, which replaces the month. Each version of a
file is triggered once, however often it is found before it is loaded. If the triggered run fails, clear it.
"""

from __future__ import annotations

from airflow.sdk import DAG

from nyc_taxi import settings
from nyc_taxi.operators.load_again import LoadAgainOperator
from nyc_taxi.operators.recheck import FindRepublishedOperator

for target in settings.TARGETS:
    with DAG(
        dag_id=target.dag_id("recheck"),
        description=f"Load republished months into {target.title} again",
        doc_md=__doc__,
        schedule=settings.recheck_timetable(),
        start_date=settings.START_DATE,
        catchup=False,
        max_active_runs=1,
        default_args=settings.default_args(),
        tags=settings.tags(target.name, "recheck"),
    ):
        found = FindRepublishedOperator(
            task_id="find_republished",
            target=target.name,
            doc_md="Asks the source about every loaded month, and returns those whose file has changed.",
        )
        LoadAgainOperator.partial(
            task_id="load_again",
            map_index_template="{{ task.load_dag_id }} {{ task.conf['month'] }}",
            doc_md="Triggers the ingest DAG for a month, unless this version of its file already has a run.",
        ).expand_kwargs(found.output)
