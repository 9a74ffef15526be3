select
    dataset,
    month as file_month,
    id as attempt_id,
    rows_loaded,
    finished as published_at

from {{ source('ops', 'file_ledger') }}

where outcome = 'published'
