select
    measured_by,
    check_name,
    dimension,
    outcome,
    value,
    threshold,
    message
from ops.quality_result
where attempt_id = %(attempt)s
order by
    dimension collate "C",
    check_name collate "C"
