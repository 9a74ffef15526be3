"""What BigQuery would see in statements; run by dbt's Python, which has sqlglot.

Reads the tables' columns and the statements as JSON. Writes for each statement its columns with their types,
and the tables that it reads without a condition on the file month.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from sqlglot import exp, parse_one  # type: ignore[import-not-found]
from sqlglot.optimizer.annotate_types import annotate_types  # type: ignore[import-not-found]
from sqlglot.optimizer.qualify import qualify  # type: ignore[import-not-found]

DIALECT = "bigquery"


def types(query: Any, tables: dict[str, Any]) -> dict[str, str]:
    """Return the types of the columns of a query."""
    qualified = qualify(query.copy(), schema=tables, dialect=DIALECT)
    columns = annotate_types(qualified, schema=tables, dialect=DIALECT).selects
    return {column.alias_or_name: column.type.sql(DIALECT).lower() for column in columns}


def read_whole(query: Any) -> list[str]:
    """Return the tables that a select reads whose condition does not name file months as constants."""
    found = set()
    for select in query.find_all(exp.Select):
        sources = [part for part in select.find_all(exp.From, exp.Join) if part.parent is select]
        tables = [part.this for part in sources if isinstance(part.this, exp.Table) and part.this.db]
        where = select.args.get("where")
        months = (
            [] if where is None else [one for one in where.find_all(exp.In) if one.this.name == "file_month"]
        )
        if not any(one.expressions for one in months):
            found |= {table.name for table in tables}
    return sorted(found)


asked = json.load(sys.stdin)
queries = {name: parse_one(text, read=DIALECT) for name, text in asked["statements"].items()}
json.dump(
    {
        "types": {name: types(queries[name], asked["tables"]) for name in asked["models"]},
        "read_whole": {name: read_whole(query) for name, query in queries.items()},
    },
    sys.stdout,
)
