select class.relname
from pg_catalog.pg_class as class
where
    class.relnamespace = to_regnamespace('stage')
    and class.relkind = 'r'
    and exists (
        select 1
        from pg_catalog.pg_constraint as own
        where own.conrelid = class.oid and own.conname = class.relname || '_file_month'
    )
    and not exists (
        select 1
        from ops.file_ledger as attempt
        where
            cast(attempt.id as text) = substring(class.relname from '[0-9]+$')
            and (
                attempt.outcome in ('staging', 'staged', 'audited')
                or (attempt.outcome = 'failed' and attempt.stage_table is not null)
            )
    )
order by class.relname
