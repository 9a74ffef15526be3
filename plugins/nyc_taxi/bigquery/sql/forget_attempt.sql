delete from {ops}.file_ledger
where
    id = @id
    and month = @month
