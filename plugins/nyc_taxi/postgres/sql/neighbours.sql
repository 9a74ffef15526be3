select rows_loaded
from ops.file_ledger
where
    dataset = %(dataset)s
    and outcome = 'published'
    and month <> %(month)s
order by abs(month - %(month)s)
limit %(months)s
