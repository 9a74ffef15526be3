create unlogged sequence {sequence} cache 1000;

create table {table} (
    {columns},
    constraint {check} check (file_month = {first_day})
);
