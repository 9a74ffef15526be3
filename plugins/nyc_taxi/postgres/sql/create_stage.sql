create table {table} (
    {columns},
    constraint {check} check (file_month = {first_day})
)
with (autovacuum_enabled = off);

alter table {table} replica identity full
