select distinct
    format(
        'pid %%s (user %%s, application %%s)',
        activity.pid,
        coalesce(activity.usename, 'unknown'),
        coalesce(nullif(activity.application_name, ''), 'unknown')
    )
from pg_catalog.pg_locks as held
inner join pg_catalog.pg_stat_activity as activity on held.pid = activity.pid
where
    held.relation = to_regclass(%(table)s)
    and held.granted
    and held.database = (select oid from pg_catalog.pg_database where datname = current_database())
    and held.pid <> pg_backend_pid()
