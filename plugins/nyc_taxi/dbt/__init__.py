"""Calling dbt: its arguments, its process and its results."""
