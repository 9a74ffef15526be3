create temporary table {work} (
    row_number bigint not null default {row_number},
    {fields}
) on commit drop
