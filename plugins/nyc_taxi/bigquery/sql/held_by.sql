select distinct coalesce(attempt_id, 0) as attempt_id
from {table}
where file_month = @month
