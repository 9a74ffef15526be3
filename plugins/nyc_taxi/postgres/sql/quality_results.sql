select
    measured_by,
    "check",
    dimension,
    outcome,
    value,
    "limit",
    message
from ops.quality_result
where attempt_id = %(attempt)s
order by
    dimension collate "C",
    "check" collate "C"
