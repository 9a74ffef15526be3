alter table {table} set schema raw;

alter table {moved} rename to {name};

alter table {partition} reset (autovacuum_enabled);

alter table {parent} attach partition {partition} for values in ({first_day})
