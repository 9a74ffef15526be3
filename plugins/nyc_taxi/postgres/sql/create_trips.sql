create table if not exists {table} (
    file_month date not null,
    filename text not null,
    row_number bigint not null,
    {columns},
    unmapped jsonb
)
partition by list (file_month)
