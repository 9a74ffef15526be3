update {ops}.file_ledger
set
    outcome = @outcome{assigned}
where
    id = @id
    and month = @month{conditions}
