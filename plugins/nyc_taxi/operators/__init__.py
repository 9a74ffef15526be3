"""Thin Airflow tasks over :mod:`nyc_taxi.core` and :mod:`nyc_taxi.postgres`."""
