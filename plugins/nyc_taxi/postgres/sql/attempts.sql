select
    id,
    dataset,
    month,
    outcome,
    source,
    url,
    etag,
    last_modified,
    bytes,
    bytes_uncompressed,
    sha256,
    rows_in_file,
    rows_loaded,
    rows_rejected,
    header,
    line_end,
    schema_version,
    missing,
    unknown,
    run_id,
    base_id,
    replaced_id,
    stage_table,
    measures,
    started,
    finished,
    seconds,
    reason
from ops.file_ledger
where
    (%(id)s::bigint is null or id = %(id)s)
    and (%(dataset)s::text is null or dataset = %(dataset)s)
    and (%(month)s::date is null or month = %(month)s)
    and (%(outcomes)s::text[] is null or outcome = any(%(outcomes)s))
    and (
        not %(overview)s
        or id in (
            select distinct on (dataset, month) id
            from ops.file_ledger
            order by
                dataset,
                month,
                outcome = 'published' desc,
                id desc
        )
    )
order by
    dataset,
    month,
    id
