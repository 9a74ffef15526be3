update ops.file_ledger
set
    source = %(source)s,
    url = %(url)s,
    etag = %(etag)s,
    last_modified = %(last_modified)s,
    bytes = %(bytes)s
where
    id = %(id)s
    and outcome = 'published'
