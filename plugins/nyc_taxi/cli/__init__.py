"""The command line: ``airflow taxi …``, and ``airflow dags backfill`` as Airflow 2 had it."""
