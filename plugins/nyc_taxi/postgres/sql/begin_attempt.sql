insert into ops.file_ledger (dataset, month, outcome, source, url, etag, last_modified, bytes, run_id, base_id)
values (
    %(dataset)s,
    %(month)s,
    'staging',
    %(source)s,
    %(url)s,
    %(etag)s,
    %(last_modified)s,
    %(bytes)s,
    %(run_id)s,
    (
        select id
        from ops.file_ledger
        where dataset = %(dataset)s and month = %(month)s and outcome in ('published', 'unloaded')
        order by outcome = 'published' desc, finished desc
        limit 1
    )
)
returning id
