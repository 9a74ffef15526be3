with wanted as (
    select
        wanted.name,
        schema.oid
    from unnest(%(schemas)s::text[]) as wanted (name)
    left join pg_catalog.pg_namespace as schema on wanted.name = schema.nspname
),

granting as (
    select
        0 as place,
        format('grant create on database %%I to %%I', current_database(), current_user) as statement
    where
        not has_database_privilege(current_database(), 'create')
        and exists (select 1 from wanted where wanted.oid is null)
    union all
    select
        1 as place,
        format('grant usage, create on schema %%I to %%I', wanted.name, current_user) as statement
    from wanted
    where
        not has_schema_privilege(wanted.oid, 'usage')
        or not has_schema_privilege(wanted.oid, 'create')
)

select
    current_setting('transaction_read_only') = 'on',
    pg_is_in_recovery(),
    current_user,
    array(select wanted.name from wanted where wanted.oid is null),
    array(select granting.statement from granting order by granting.place, granting.statement),
    array(
        select distinct pg_get_userbyid(owned.relowner)
        from pg_catalog.pg_class as owned
        inner join wanted on owned.relnamespace = wanted.oid
        where
            not pg_has_role(owned.relowner, 'usage')
            and (
                (owned.relkind = 'p' and owned.relname = any(%(trips)s::text[]))
                or (owned.relkind = 'r' and owned.relname = 'file_ledger')
            )
    )
