"""Sets up an Airflow for the taxi DAGs, and starts Airflow's components once that is done.

``entrypoint.sh`` runs it as ``python -m nyc_taxi.deploy``. ``docs/bootstrap.md`` is its user's guide.
"""
