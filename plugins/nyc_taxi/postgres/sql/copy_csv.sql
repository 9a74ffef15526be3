copy {table} ({columns}) from stdin (format csv, encoding 'UTF8', null '', force_null ({fields}))
