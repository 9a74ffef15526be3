update ops.file_ledger
set
    outcome = %(outcome)s,
    url = coalesce(%(url)s, url),
    etag = coalesce(%(etag)s, etag),
    last_modified = coalesce(%(last_modified)s, last_modified),
    bytes = coalesce(%(bytes)s, bytes),
    bytes_uncompressed = coalesce(%(bytes_uncompressed)s, bytes_uncompressed),
    sha256 = coalesce(%(sha256)s, sha256),
    rows_in_file = coalesce(%(rows_in_file)s, rows_in_file),
    rows_loaded = coalesce(%(rows_loaded)s, rows_loaded),
    rows_rejected = coalesce(%(rows_rejected)s, rows_rejected),
    header = coalesce(%(header)s, header),
    line_end = coalesce(%(line_end)s, line_end),
    schema_version = coalesce(%(schema_version)s, schema_version),
    missing = coalesce(%(missing)s, missing),
    unknown = coalesce(%(unknown)s, unknown),
    stage_table = case
        when %(outcome)s in ('published', 'superseded', 'abandoned') then null
        else coalesce(%(stage_table)s, stage_table)
    end,
    measures = coalesce(%(measures)s, measures),
    reason = coalesce(%(reason)s, reason),
    replaced_id = coalesce(%(replaced_id)s, replaced_id),
    finished = case
        when %(outcome)s in ('published', 'superseded', 'failed', 'abandoned') then clock_timestamp()
        else finished
    end
where
    id = %(id)s
    and (%(only_from)s::text[] is null or outcome = any(%(only_from)s))
