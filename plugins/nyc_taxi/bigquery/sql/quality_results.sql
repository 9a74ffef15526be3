select
    measured_by,
    check_name,
    dimension,
    outcome,
    value,
    threshold,
    message
from {ops}.quality_result
where attempt_id = @id
order by
    dimension,
    check_name
