select
    result.attempt_id,
    array_agg(distinct result.check_name order by result.check_name) as names
from {ops}.quality_result as result
inner join {ops}.file_ledger as ledger on result.attempt_id = ledger.id and result.month = ledger.month
where
    ledger.outcome = 'published'
    and result.outcome != 'pass'
group by result.attempt_id
