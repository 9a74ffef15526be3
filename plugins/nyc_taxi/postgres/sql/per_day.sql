select
    file_month,
    cast({pickup} as date) as day,
    count(*) as trips
from {table}
where
    file_month = any(%(months)s::date[])
    and {pickup} >= file_month
    and {pickup} < file_month + interval '1 month'
group by
    file_month,
    day
order by
    file_month,
    day
