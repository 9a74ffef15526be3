select
    row_number,
    line_number,
    reason,
    line
from {ops}.rejected_rows
where
    attempt_id = @id
    and month = @month
order by row_number
limit {limit}
