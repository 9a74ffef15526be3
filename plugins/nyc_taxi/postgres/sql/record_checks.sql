insert into ops.quality_result (
    attempt_id, dataset, month, dimension, check_name, value, threshold, outcome, message, measured_by
)
select
    ledger.id,
    ledger.dataset,
    ledger.month,
    judged.dimension,
    judged.name,
    judged.value,
    judged.threshold,
    judged.outcome,
    judged.message,
    'load'
from ops.file_ledger as ledger
cross join lateral jsonb_to_recordset(%(checks)s) as judged (
    name text, dimension text, value double precision, threshold text, outcome text, message text
)
where ledger.id = %(attempt)s
