select id
from ops.file_ledger
where
    dataset = %(dataset)s
    and month = %(month)s
    and (outcome = 'staging' or (stage_table is not null and outcome in ('staged', 'audited', 'failed')))
order by id
