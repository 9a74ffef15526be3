copy {table} (row_number, {columns}, unmapped) from stdin (format text, encoding 'UTF8')
