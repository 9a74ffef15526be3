"""Types of the columns of statements, as BigQuery would give them; run by dbt's Python, which has sqlglot.

Reads the tables' columns and the statements as JSON, and writes each statement's columns with their types.
"""

from __future__ import annotations

import json
import sys

from sqlglot import parse_one  # type: ignore[import-not-found]
from sqlglot.optimizer.annotate_types import annotate_types  # type: ignore[import-not-found]
from sqlglot.optimizer.qualify import qualify  # type: ignore[import-not-found]

DIALECT = "bigquery"

asked = json.load(sys.stdin)
tables = asked["tables"]
found = {}
for name, statement in asked["statements"].items():
    query = qualify(parse_one(statement, read=DIALECT), schema=tables, dialect=DIALECT)
    columns = annotate_types(query, schema=tables, dialect=DIALECT).selects
    found[name] = {column.alias_or_name: column.type.sql(DIALECT).lower() for column in columns}
json.dump(found, sys.stdout)
