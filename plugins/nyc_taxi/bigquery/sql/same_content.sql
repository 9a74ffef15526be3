update {ops}.file_ledger
set
    source = @source,
    url = @url,
    etag = @etag,
    last_modified = @last_modified,
    bytes = @bytes
where
    id = @id
    and month = @month
    and outcome = 'published'
