select
    count(*) as row_count,
    coalesce(sum(row_number), 0) as ordinals
from {ops}.rejected_rows
where
    attempt_id = @id
    and month = @month
