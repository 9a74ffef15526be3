select max(ledger.id)
from ops.file_ledger as ledger
where
    ledger.dataset = %(dataset)s
    and ledger.month = %(month)s
    and (
        ledger.outcome = 'published'
        or exists (select 1 from ops.rejected_rows as rejected where rejected.attempt_id = ledger.id)
    )
