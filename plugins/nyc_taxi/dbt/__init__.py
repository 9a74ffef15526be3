"""Calling dbt: its command, its process, and its results."""
