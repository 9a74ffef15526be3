"""Prepares an Airflow for the taxi DAGs, and starts Airflow's parts once that is done.

``entrypoint.sh`` runs it as ``python -m nyc_taxi.deploy``; ``docs/bootstrap.md`` tells a user about it.
"""
