delete from {ops}.rejected_rows
where
    attempt_id = @id
    and month = @month
