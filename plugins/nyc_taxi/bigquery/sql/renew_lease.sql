update {ops}.file_ledger
set lease_until = timestamp_add(current_timestamp(), interval @lease second)
where
    id = @id
    and month = @month
    and owner = @owner
    and outcome = 'staging'
