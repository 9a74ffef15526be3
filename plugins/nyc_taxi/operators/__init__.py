"""Thin Airflow tasks over :mod:`nyc_taxi.load`."""
