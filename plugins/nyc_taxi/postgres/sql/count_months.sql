select
    file_month,
    count(*)
from {table}
group by file_month
order by file_month
