select
    count(*) as row_count,
    coalesce(sum(row_number), 0)::bigint as ordinals
from ops.rejected_rows
where attempt_id = %(attempt)s
