insert into {table} (row_number, {columns}, unmapped)
select
    row_number,
    {fields},
    nullif(jsonb_strip_nulls(jsonb_object(%(names)s::text[], array[{unknown}]::text[])), '{{}}')
from {work}
