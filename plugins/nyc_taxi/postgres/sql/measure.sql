select
    count(*) as row_count,
    coalesce(min(row_number), 0) as first_row,
    coalesce(max(row_number), 0) as last_row,
    coalesce(sum(row_number), 0)::bigint as ordinals,
    count(*) filter (
        where {pickup} is null or {pickup} < %(from)s or {pickup} >= %(to)s
    ) as outside,
    coalesce(min({pickup})::text, '') as earliest,
    coalesce(max({pickup})::text, '') as latest
from {table}
