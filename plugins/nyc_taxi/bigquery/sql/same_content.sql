update {ops}.file_ledger as published
set
    source = newer.source,
    url = newer.url,
    etag = newer.etag,
    last_modified = newer.last_modified,
    bytes = newer.bytes
from {ops}.file_ledger as newer
where
    published.id = @id
    and published.month = @month
    and newer.month = @month
    and published.outcome = 'published'
    and newer.id = @attempt
