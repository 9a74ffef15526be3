"""Calling dbt: what is asked of it, how it runs beside this process, and what came of it."""
