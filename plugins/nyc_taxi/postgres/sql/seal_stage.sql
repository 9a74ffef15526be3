alter table {table}
alter column file_month drop default,
alter column filename drop default,
alter column row_number drop default;

drop sequence {sequence};
