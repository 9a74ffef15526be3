select sum(greatest(part.reltuples, 0)) > 1.5 * greatest(parent.reltuples, 0)
from pg_catalog.pg_inherits as child
inner join pg_catalog.pg_class as part on child.inhrelid = part.oid
inner join pg_catalog.pg_class as parent on child.inhparent = parent.oid
inner join pg_catalog.pg_namespace as parent_schema on parent.relnamespace = parent_schema.oid
where
    parent_schema.nspname = %(schema)s
    and parent.relname = %(table)s
group by parent.reltuples
