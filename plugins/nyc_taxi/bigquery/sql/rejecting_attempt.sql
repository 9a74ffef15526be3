select max(ledger.id) as id
from {ops}.file_ledger as ledger
where
    ledger.dataset = @dataset
    and ledger.month = @month
    and (
        ledger.outcome = 'published'
        or ledger.id in (
            select rejected.attempt_id
            from {ops}.rejected_rows as rejected
            where rejected.dataset = @dataset and rejected.month = @month
        )
    )
