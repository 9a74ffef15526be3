"""Starts the BigQuery emulator with two responses that dbt needs and the emulator lacks.

It also forgets old results: the emulator keeps the result of each query as a table, and each statement looks
through the columns of all tables. One thread is enough for them: more would cost two fifths more time.

The settings are environment variables: BIGQUERY_HOST, BIGQUERY_PORT, GRPC_PORT, DATA_DIR, DEFAULT_PROJECT_ID,
STORAGE_EMULATOR_HOST.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any

from local_bigquery.catalog import tables
from local_bigquery.cli import main
from local_bigquery.engine import database
from local_bigquery.jobs import query

_ONE_VARIABLE = re.compile(r"\bset\s*\(\s*(\w+)\s*\)\s*=\s*\(\s*select\s+as\s+struct\b", re.IGNORECASE)

_KEPT = 32
"""How many results can still be read."""

_execute = query.execute
_results: deque[str] = deque()


def execute(cursor: Any, project: str, job: str | None, config: Any, **more: Any) -> tuple[Any, Any, Any]:
    """Run a query job as the emulator does, with two additions.

    A script may set a list of one variable from a struct, which the emulator accepts only without the list.
    A job that creates a table reports it as its destination, as BigQuery does.
    """
    text = _ONE_VARIABLE.sub(r"SET \1 = (SELECT", config.query or "")
    statistics, children, destination = _execute(cursor, project, job, config.replace(query=text), **more)
    if destination is None and statistics.statementType == "CREATE_TABLE_AS_SELECT":
        destination = statistics.ddlTargetTable
    if job is not None:
        _results.append(tables.name(project, tables.RESULTS, job))
        if len(_results) > _KEPT:
            database.execute(f"DROP TABLE IF EXISTS {_results.popleft()}")
    return statistics, children, destination


if __name__ == "__main__":
    query.execute = execute
    database.connection().execute("SET threads = 1")
    main(["serve"])
