update {ops}.file_ledger
set stage_table = null
where id = @id and month = @month
