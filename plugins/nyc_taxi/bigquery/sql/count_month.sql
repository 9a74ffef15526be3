select count(*) as row_count
from {table}
where file_month = @month
