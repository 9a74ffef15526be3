"""Looks for months that TLC has published again, once a week, and loads them.

The first task asks the source about every month in the ledger, with one HEAD request each. The second
triggers the ingest DAG of every month whose file has changed, which replaces the month. A file's new
version is triggered once, however often it is seen before it is loaded; a triggered run that failed is
cleared by hand.
"""

from __future__ import annotations

from airflow.sdk import DAG

from nyc_taxi import settings
from nyc_taxi.operators.load_again import LoadAgainOperator
from nyc_taxi.operators.recheck import FindRepublishedOperator

with DAG(
    dag_id="recheck_postgres",
    description="Load the months in Postgres again whose file was republished",
    doc_md=__doc__,
    schedule=settings.recheck_timetable(),
    start_date=settings.START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=settings.default_args(),
    tags=settings.tags("postgres", "recheck"),
):
    found = FindRepublishedOperator(
        task_id="find_republished",
        doc_md="Asks the source about every loaded month and returns the ones whose file has changed.",
    )
    LoadAgainOperator.partial(
        task_id="load_again",
        map_index_template="{{ task.load_dag_id }} {{ task.conf['month'] }}",
        doc_md="Starts the ingest DAG for a month, unless this version of its file has a run already.",
    ).expand_kwargs(found.output)
