select
    part_schema.nspname,
    part.relname,
    child.inhdetachpending
from pg_catalog.pg_inherits as child
inner join pg_catalog.pg_class as part on child.inhrelid = part.oid
inner join pg_catalog.pg_namespace as part_schema on part.relnamespace = part_schema.oid
inner join pg_catalog.pg_class as parent on child.inhparent = parent.oid
inner join pg_catalog.pg_namespace as parent_schema on parent.relnamespace = parent_schema.oid
where
    parent_schema.nspname = %(schema)s
    and parent.relname = %(table)s
    and strpos(pg_catalog.pg_get_expr(part.relpartbound, part.oid), %(bound)s) > 0
