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

    union all

    -- Results of checks that a later run did not make of the same attempt.
    select
        earlier.attempt_id,
        earlier.dataset,
        earlier.month,
        earlier.dimension,
        earlier.check_name,
        null as value,
        null as threshold,
        'forgotten' as outcome,
        null as message,
        latest.measured_at
    from {ops}.quality_result as earlier
    inner join (
        select
            attempt_id,
            max(measured_at) as measured_at
        from {measured}
        group by attempt_id
    ) as latest
        on earlier.attempt_id = latest.attempt_id
    left join {measured} as measured
        on
            earlier.attempt_id = measured.attempt_id
            and earlier.check_name = measured.check_name
    where
        earlier.measured_by = 'dbt'
        and measured.check_name is null
) as found
    on
        recorded.attempt_id = found.attempt_id
        and recorded.measured_by = 'dbt'
        and recorded.check_name = found.check_name
when matched and recorded.measured_at < found.measured_at and found.outcome = 'forgotten' then delete
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
