merge {ops}.quality_result as recorded
using (
    select
        ledger.id,
        ledger.dataset,
        ledger.month,
        json_value(judged, '$.dimension') as dimension,
        json_value(judged, '$.name') as check_name,
        cast(json_value(judged, '$.value') as float64) as value,
        json_value(judged, '$.threshold') as threshold,
        json_value(judged, '$.outcome') as outcome,
        json_value(judged, '$.message') as message
    from {ops}.file_ledger as ledger
    cross join unnest(json_query_array(@checks)) as judged
    where
        ledger.id = @id
        and ledger.month = @month
        and (array_length(@only_from) = 0 or ledger.outcome in unnest(@only_from))
) as found
    on
        recorded.month = @month
        and recorded.attempt_id = found.id
        and recorded.measured_by = 'load'
        and recorded.check_name = found.check_name
when matched then update set
    dimension = found.dimension,
    value = found.value,
    threshold = found.threshold,
    outcome = found.outcome,
    message = found.message,
    measured_at = current_timestamp()
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
    found.id,
    found.dataset,
    found.month,
    found.dimension,
    found.check_name,
    found.value,
    found.threshold,
    found.outcome,
    found.message,
    'load',
    current_timestamp()
)
