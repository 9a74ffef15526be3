with newest as (
    select max(ledger.id) as attempt_id
    from ops.file_ledger as ledger
    where
        ledger.dataset = %(dataset)s
        and ledger.month = %(month)s
        and (
            ledger.outcome = 'published'
            or exists (select 1 from ops.rejected_rows as refused where refused.attempt_id = ledger.id)
        )
)

select
    refused.row_number,
    refused.line_number,
    refused.reason,
    refused.line
from newest
inner join ops.rejected_rows as refused on newest.attempt_id = refused.attempt_id
order by refused.row_number
limit %(limit)s
