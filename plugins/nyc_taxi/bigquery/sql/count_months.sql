select
    file_month,
    count(*) as row_count
from {table}
group by file_month
order by file_month
