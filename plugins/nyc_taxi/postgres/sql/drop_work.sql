drop table {work}
