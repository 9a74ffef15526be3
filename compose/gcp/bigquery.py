"""Starts the BigQuery emulator with three responses that dbt needs and the emulator lacks.

It also forgets old results: the emulator keeps the result of each query as a table, and each statement looks
through the columns of all tables. One thread is enough for them: more would cost two fifths more time.

The settings are environment variables: BIGQUERY_HOST, BIGQUERY_PORT, GRPC_PORT, DATA_DIR, DEFAULT_PROJECT_ID,
STORAGE_EMULATOR_HOST.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

from local_bigquery.catalog import tables
from local_bigquery.cli import main
from local_bigquery.engine import database
from local_bigquery.jobs import query
from local_bigquery.sql.rules import NODE_RULES
from local_bigquery.sql.rules.typing import DECIMALS, TEXT, kind
from sqlglot import exp

_DATABASE = "SET threads = 1; SET disabled_optimizers = 'join_order,statistics_propagation'"
"""Both optimizers query the statistics of each column, which took a fifth of the time of a load."""

_KEPT = 32
"""How many results can still be read."""

_execute = query.execute
_results: deque[str] = deque()


def execute(cursor: Any, project: str, job: str | None, config: Any, **more: Any) -> tuple[Any, Any, Any]:
    """Run a query job as the emulator does, with two additions.

    The format that separates thousands does so by commas, not by apostrophes. A job that creates a table
    reports it as its destination.
    """
    text = (config.query or "").replace("%'d", "%,d")
    statistics, children, destination = _execute(cursor, project, job, config.replace(query=text), **more)
    if destination is None and statistics.statementType == "CREATE_TABLE_AS_SELECT":
        destination = statistics.ddlTargetTable
    if job is not None:
        _results.append(tables.name(project, tables.RESULTS, job))
        if len(_results) > _KEPT:
            database.execute(f"DROP TABLE IF EXISTS {_results.popleft()}")
    return statistics, children, destination


def number_text(node: Any, _: Any) -> Any:
    """Let the text of a number end without zeros, 5.5 and not 5.500000000, whatever its type is here."""
    perhaps_numbers = {None, exp.DataType.Type.UNKNOWN, *DECIMALS}
    if not (isinstance(node, exp.Cast) and node.to.this in TEXT and kind(node.this) in perhaps_numbers):
        return node
    text: Any = node
    for zeros, kept in ((r"\.0+$", ""), (r"(\.\d*[1-9])0+$", r"\1")):
        text = exp.func("regexp_replace", text, exp.Literal.string(zeros), exp.Literal.string(kept))
    type_ = exp.func("typeof", node.this.copy())
    is_number = exp.func("regexp_matches", type_, exp.Literal.string("^(DECIMAL|DOUBLE)"))
    return exp.If(this=is_number, true=text, false=node.copy())


if __name__ == "__main__":
    NODE_RULES.append(number_text)
    query.execute = execute
    sys.modules["pandas"] = None  # type: ignore[assignment]  # or DuckDB looks for it in each statement
    database.connection().execute(_DATABASE)
    main(["serve"])
