alter table {table} set schema raw;

alter table {moved} rename to {name};

alter table {parent} attach partition {partition} for values in ({first_day});
