"""Starts the BigQuery emulator with two responses that dbt needs and the emulator lacks.

The settings are environment variables: BIGQUERY_HOST, BIGQUERY_PORT, GRPC_PORT, DATA_DIR, DEFAULT_PROJECT_ID,
STORAGE_EMULATOR_HOST.
"""

from __future__ import annotations

from typing import Any

from local_bigquery.cli import main
from local_bigquery.jobs import query

_execute = query.execute


def execute(cursor: Any, project: str, job: str | None, config: Any, **more: Any) -> tuple[Any, Any, Any]:
    """Run a query job as the emulator does, with two additions.

    The format that separates thousands does so by commas, not by apostrophes. A job that creates a table
    reports it as its destination.
    """
    text = (config.query or "").replace("%'d", "%,d")
    statistics, children, destination = _execute(cursor, project, job, config.replace(query=text), **more)
    if destination is None and statistics.statementType == "CREATE_TABLE_AS_SELECT":
        destination = statistics.ddlTargetTable
    return statistics, children, destination


if __name__ == "__main__":
    query.execute = execute
    main(["serve"])
