select
    dataset,
    file_month,
    reason
from {view}
order by
    file_month,
    dataset
