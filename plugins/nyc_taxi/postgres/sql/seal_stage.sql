alter table {table}
alter column file_month drop default,
add column filename text not null default {filename};

alter table {table}
alter column filename drop default
