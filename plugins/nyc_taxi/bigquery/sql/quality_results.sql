select
    measured_by,
    check_name,
    dimension,
    outcome,
    value,
    threshold,
    message
from {ops}.quality_result
where
    attempt_id = @id
    and month = @month
order by
    dimension,
    check_name
