select
    row_number,
    line_number,
    reason,
    line
from ops.rejected_rows
where attempt_id = %(attempt)s
order by row_number
limit %(limit)s
