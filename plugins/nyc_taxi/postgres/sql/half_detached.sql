select
    part_schema.nspname,
    part.relname
from pg_catalog.pg_inherits as child
inner join pg_catalog.pg_class as part on child.inhrelid = part.oid
inner join pg_catalog.pg_namespace as part_schema on part.relnamespace = part_schema.oid
where
    child.inhdetachpending
    and child.inhparent = to_regclass(%(parent)s)
order by
    part_schema.nspname,
    part.relname
