insert into ops.quality_result (
    attempt_id, dataset, month, dimension, check_name, value, threshold, outcome, message, measured_by, measured_at
)
select
    ledger.id,
    ledger.dataset,
    ledger.month,
    measured.dimension,
    measured.check_name,
    measured.value,
    measured.threshold,
    measured.outcome,
    measured.message,
    'dbt',
    measured.measured_at
from {measured} as measured
inner join ops.file_ledger as ledger
    on measured.attempt_id = ledger.id
on conflict (attempt_id, measured_by, check_name) do nothing
