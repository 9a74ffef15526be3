select
    format(
        'pid %%s (user %%s, application %%s, in a transaction since %%s, last statement: %%s)',
        pid,
        coalesce(usename, 'unknown'),
        coalesce(nullif(application_name, ''), 'unknown'),
        coalesce(to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS'), 'unknown'),
        coalesce(nullif(left(regexp_replace(query, '\s+', ' ', 'g'), 80), ''), 'unknown')
    )
from pg_catalog.pg_stat_activity
where pid = any(pg_catalog.pg_blocking_pids(%(pid)s))
order by xact_start
