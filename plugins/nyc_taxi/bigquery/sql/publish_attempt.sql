update {ops}.file_ledger
set
    outcome = if(id = @id, 'published', 'replaced'),
    stage_table = null,
    replaced_id = if(id = @id, @replaced_id, replaced_id),
    bytes_billed = if(id = @id, coalesce(bytes_billed, 0) + @billed, bytes_billed),
    finished = if(id = @id, coalesce(@finished, current_timestamp()), finished),
    seconds = if(
        id = @id,
        timestamp_diff(coalesce(@finished, current_timestamp()), started, microsecond) / 1000000,
        seconds
    )
where
    month = @month
    and (
        (id = @id and outcome = 'audited')
        or (id = @replaced_id and outcome = 'published')
    )
