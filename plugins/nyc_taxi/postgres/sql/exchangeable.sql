with month as (
    select
        part.oid,
        part.relkind,
        part.relowner,
        part.relacl,
        part.reloptions,
        parent.relacl as parent_acl
    from pg_catalog.pg_class as part
    cross join pg_catalog.pg_class as parent
    where
        part.oid = pg_catalog.to_regclass(%(partition)s)
        and parent.oid = pg_catalog.to_regclass(%(parent)s)
),

-- Indexes, views, triggers, policies and publications; but not the table's own type, toast table and checks.
users as (
    select 1
    from month
    inner join pg_catalog.pg_depend as used
        on
            used.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and used.refobjid = month.oid
    where
        used.deptype <> 'i'
        and used.classid <> 'pg_catalog.pg_constraint'::pg_catalog.regclass
),

grants as (
    select 1
    from month
    cross join lateral pg_catalog.aclexplode(month.relacl) as own
    where
        own.grantee <> month.relowner
        and not exists (
            select 1
            from pg_catalog.aclexplode(month.parent_acl) as inherited
            where
                inherited.grantee = own.grantee
                and inherited.privilege_type = own.privilege_type
                and own.privilege_type = 'SELECT'
        )
),

-- Sessions of this package read trips in single statements only, and autovacuum, which has no user, reads none.
snapshots as (
    select 1
    from pg_catalog.pg_stat_activity as session
    where
        session.backend_xmin is not null
        and session.usesysid is not null
        and session.datname = pg_catalog.current_database()
        and session.application_name not like 'nyc_taxi %%'
        and session.pid <> pg_catalog.pg_backend_pid()
)

select
    month.relkind = 'r'
    and month.reloptions is null
    and not exists (select 1 from users)
    and not exists (select 1 from grants)
    and not exists (select 1 from snapshots)
    and not exists (select 1 from pg_catalog.pg_stat_replication)
    and not exists (select 1 from pg_catalog.pg_replication_slots)
from month
