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
    to_json_string(measures) as measures,
    started,
    finished,
    seconds,
    reason,
    current_timestamp() as now,
    coalesce(lease_until < current_timestamp(), true) as lease_ended
from {ops}.file_ledger
where
    {filters}
order by
    dataset,
    month,
    id
