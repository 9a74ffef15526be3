select nextval(pg_get_serial_sequence(%(table)s, 'row_number'))
