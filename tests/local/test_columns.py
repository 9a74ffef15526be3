"""Every column of the load says in the warehouse what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local import columns

if TYPE_CHECKING:
    import psycopg

COMMENTS = """
select format('%s.%s', attrelid::regclass, attname), col_description(attrelid, attnum)
from pg_attribute
join pg_class on pg_class.oid = attrelid
where relnamespace in ('raw'::regnamespace, 'ops'::regnamespace)
    and relkind in ('r', 'p') and attnum > 0 and not attisdropped
"""

DIFFERENT = {"ops.file_ledger.outcome", "ops.file_ledger.stage_table"}
"""An attempt on BigQuery can be *uploaded*, and its rows in a bucket."""


def test_every_column_has_its_meaning_and_the_same_in_both_warehouses(warehouse: psycopg.Connection) -> None:
    in_postgres: dict[str, str] = dict(warehouse.execute(COMMENTS).fetchall())
    assert not [name for name, text in in_postgres.items() if not text]
    in_bigquery = {f"{table}.{row[0].strip('`')}": row[-1] for table, rows in columns.load() for row in rows}
    assert not [name for name, text in in_bigquery.items() if not text]
    both = in_postgres.keys() & in_bigquery.keys() - DIFFERENT
    assert len(both) > 40
    assert {name: in_postgres[name] for name in both} == {name: in_bigquery[name] for name in both}
