"""Airflow tasks: thin shells over :mod:`nyc_taxi.load` and :mod:`nyc_taxi.dbt`."""
