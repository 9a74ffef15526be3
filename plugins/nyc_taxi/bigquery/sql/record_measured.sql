merge {ops}.quality_result as recorded
using (
    select
        ledger.id as attempt_id,
        ledger.dataset,
        ledger.month,
        measured.dimension,
        measured.check_name,
        measured.value,
        measured.threshold,
        measured.outcome,
        measured.message,
        measured.measured_at
    from {measured} as measured
    inner join {ops}.file_ledger as ledger
        on measured.attempt_id = ledger.id
) as found
    on
        recorded.attempt_id = found.attempt_id
        and recorded.measured_by = 'dbt'
        and recorded.check_name = found.check_name
when matched and recorded.measured_at < found.measured_at then update set
    value = found.value,
    dimension = found.dimension,
    threshold = found.threshold,
    outcome = found.outcome,
    message = found.message,
    measured_at = found.measured_at
when not matched by target then insert (
    attempt_id,
    dataset,
    month,
    dimension,
    check_name,
    value,
    threshold,
    outcome,
    message,
    measured_by,
    measured_at
)
values (
    found.attempt_id,
    found.dataset,
    found.month,
    found.dimension,
    found.check_name,
    found.value,
    found.threshold,
    found.outcome,
    found.message,
    'dbt',
    found.measured_at
)
