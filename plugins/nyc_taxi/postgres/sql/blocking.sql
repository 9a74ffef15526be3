select
    format(
        'pid %%s (user %%s, application %%s, %%s, last statement at %%s)',
        pid,
        coalesce(usename, 'unknown'),
        coalesce(nullif(application_name, ''), 'unknown'),
        coalesce(state, 'state unknown'),
        coalesce(to_char(query_start, 'YYYY-MM-DD HH24:MI:SS TZ'), 'unknown')
    )
from pg_catalog.pg_stat_activity
where pid = any(pg_catalog.pg_blocking_pids(%(pid)s))
order by xact_start
