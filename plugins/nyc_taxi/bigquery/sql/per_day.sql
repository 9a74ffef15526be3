select
    file_month,
    date({pickup}) as day,
    count(*) as trips
from {table}
where
    file_month in unnest(@months)
    and {pickup} >= datetime(file_month)
    and {pickup} < datetime(date_add(file_month, interval 1 month))
group by
    file_month,
    day
order by
    file_month,
    day
