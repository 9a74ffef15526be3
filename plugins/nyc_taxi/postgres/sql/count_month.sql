select count(*)
from {table}
where file_month = %(month)s
