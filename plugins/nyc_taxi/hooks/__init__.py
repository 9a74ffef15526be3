"""Hooks: from Airflow connections to sources and warehouses."""
