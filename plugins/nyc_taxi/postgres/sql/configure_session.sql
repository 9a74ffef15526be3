select set_config(setting.name, setting.value, false)
from unnest(%(names)s::text[], %(values)s::text[]) as setting (name, value)
where coalesce(%(process)s::bigint, pg_backend_pid()) = pg_backend_pid()
