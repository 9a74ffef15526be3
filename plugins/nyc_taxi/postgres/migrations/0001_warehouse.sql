create table ops.file_ledger (
    id bigint generated always as identity primary key,
    dataset text not null,
    month date not null check (extract(day from month) = 1),
    outcome text not null check (
        outcome in (
            'staging', 'staged', 'audited', 'published', 'replaced', 'unloaded', 'superseded', 'failed', 'abandoned'
        )
    ),
    source text not null,
    url text not null,
    etag text,
    last_modified timestamptz,
    bytes bigint,
    bytes_uncompressed bigint,
    sha256 text,
    rows_in_file bigint,
    rows_loaded bigint,
    rows_rejected bigint,
    header text[] not null default '{}',
    line_end text,
    schema_version text,
    missing text[] not null default '{}',
    unknown text[] not null default '{}',
    run_id text not null,
    base_id bigint references ops.file_ledger (id),
    replaced_id bigint references ops.file_ledger (id),
    stage_table text,
    measures jsonb,
    started timestamptz not null default clock_timestamp(),
    finished timestamptz,
    seconds double precision generated always as (
        cast(extract(epoch from finished - started) as double precision)
    ) stored,
    reason text,
    constraint rows_add_up check (
        outcome in ('staging', 'failed', 'abandoned')
        or coalesce(rows_in_file = rows_loaded + rows_rejected, false)
    )
);

create unique index file_ledger_published on ops.file_ledger (dataset, month) where outcome = 'published';
create index file_ledger_month on ops.file_ledger (dataset, month, id);

comment on table ops.file_ledger is 'One row per attempt to load a file. A file that was found unchanged adds none.';
comment on column ops.file_ledger.id is 'Number of the attempt; later attempts have larger ones.';
comment on column ops.file_ledger.dataset is 'Name of the dataset, such as green.';
comment on column ops.file_ledger.month is 'First day of the file''s month.';
comment on column ops.file_ledger.outcome is
'staging, staged, audited: in progress; published: what raw holds now; replaced: was published before; unloaded: was published and then removed by a user; superseded: staged, but another version was published first; failed: see reason; abandoned: its process died, or it was not published within a week.';
comment on column ops.file_ledger.source is
'The source in the connection''s list that had the file: its name, such as mirror, or its address.';
comment on column ops.file_ledger.url is 'Address of the file; of a file in a folder, with file://.';
comment on column ops.file_ledger.etag is 'The file''s entity tag, if the source sent one.';
comment on column ops.file_ledger.last_modified is 'When the source last changed the file, if it states that.';
comment on column ops.file_ledger.bytes is 'Size of the file as stored at the source.';
comment on column ops.file_ledger.bytes_uncompressed is 'Size of the file''s content.';
comment on column ops.file_ledger.sha256 is 'SHA-256 of the file in hexadecimal, as stored at the source.';
comment on column ops.file_ledger.rows_in_file is 'Data rows counted in the file itself: rows_loaded + rows_rejected.';
comment on column ops.file_ledger.rows_loaded is
'Rows that were staged. The raw table holds them while the outcome is published.';
comment on column ops.file_ledger.rows_rejected is
'Rows that could not be loaded. They are in ops.rejected_rows; of a failed attempt, the first 1,000.';
comment on column ops.file_ledger.header is 'Column names as the file spells them.';
comment on column ops.file_ledger.line_end is 'How the file''s rows end: LF, CRLF or CR; empty for a parquet file.';
comment on column ops.file_ledger.schema_version is 'Which of the dataset''s known column layouts the file has.';
comment on column ops.file_ledger.missing is 'Columns of the dataset that the file lacks.';
comment on column ops.file_ledger.unknown is 'Columns of the file that the dataset lacks; their values are in unmapped.';
comment on column ops.file_ledger.run_id is
'The run of Airflow that made the attempt; of airflow taxi load, cli__ and the time of its start.';
comment on column ops.file_ledger.base_id is 'The attempt that was published last when this one began.';
comment on column ops.file_ledger.replaced_id is 'The published attempt whose rows this one replaced.';
comment on column ops.file_ledger.stage_table is 'Where the staged rows are, until they are published or removed.';
comment on column ops.file_ledger.measures is
'What the staged rows add up to: count, row numbers, pickups outside the month, first and last pickup.';
comment on column ops.file_ledger.started is 'When the attempt began.';
comment on column ops.file_ledger.finished is
'When the outcome was reached; for published and replaced, when readers saw the month.';
comment on column ops.file_ledger.seconds is 'Seconds from started to finished.';
comment on column ops.file_ledger.reason is 'Why the attempt failed, was superseded or was abandoned.';

create table ops.rejected_rows (
    attempt_id bigint not null references ops.file_ledger (id) on delete cascade,
    dataset text not null,
    month date not null,
    line_number bigint,
    row_number bigint not null,
    reason text not null,
    line bytea not null,
    primary key (attempt_id, row_number)
);

comment on table ops.rejected_rows is 'Rows of a file that could not be loaded, byte for byte.';
comment on column ops.rejected_rows.attempt_id is 'The attempt in ops.file_ledger that rejected the row.';
comment on column ops.rejected_rows.dataset is 'Name of the dataset, such as green.';
comment on column ops.rejected_rows.month is 'First day of the file''s month.';
comment on column ops.rejected_rows.line_number is 'Line in the file, from 1; null for a parquet file.';
comment on column ops.rejected_rows.row_number is 'Ordinal of the data row in the file, from 1.';
comment on column ops.rejected_rows.reason is 'Why the row could not be loaded.';
comment on column ops.rejected_rows.line is 'The row as it is in the file; of a parquet file, as JSON.';

create table ops.quality_result (
    attempt_id bigint not null references ops.file_ledger (id) on delete cascade,
    dataset text not null,
    month date not null,
    dimension text not null check (
        dimension in ('accuracy', 'completeness', 'consistency', 'timeliness', 'uniqueness', 'validity')
    ),
    check_name text not null,
    value double precision not null,
    threshold text not null,
    outcome text not null check (outcome in ('pass', 'warn', 'error')),
    message text not null,
    measured_by text not null check (measured_by in ('load', 'dbt')),
    measured_at timestamptz not null default clock_timestamp(),
    primary key (attempt_id, measured_by, check_name)
);

comment on table ops.quality_result is
'What each check found in each attempt, including rejected ones. Measuring again replaces the row.';
comment on column ops.quality_result.attempt_id is 'The attempt in ops.file_ledger whose rows were measured.';
comment on column ops.quality_result.dataset is 'Name of the dataset, such as green.';
comment on column ops.quality_result.month is 'First day of the file''s month.';
comment on column ops.quality_result.dimension is
'The dimension of quality: accuracy, completeness, consistency, timeliness, uniqueness or validity.';
comment on column ops.quality_result.check_name is 'What was checked.';
comment on column ops.quality_result.value is 'What was found: a share (1 is 100 %), or a number.';
comment on column ops.quality_result.threshold is 'The values that pass.';
comment on column ops.quality_result.outcome is
'pass; warn: reported; error: kept the month out of the raw tables (load) or the marts (dbt).';
comment on column ops.quality_result.message is 'The finding as a sentence.';
comment on column ops.quality_result.measured_by is 'load: the audit of the staged file; dbt: the build of the marts.';
comment on column ops.quality_result.measured_at is 'When the attempt was measured.';

create table raw.taxi_zone_lookup (
    locationid integer primary key,
    borough text,
    zone text,
    service_zone text
);

comment on table raw.taxi_zone_lookup is 'TLC''s taxi zones: what the location ids of the trips mean.';
comment on column raw.taxi_zone_lookup.locationid is 'TLC''s number of the zone.';
comment on column raw.taxi_zone_lookup.borough is 'The zone''s borough; EWR for Newark airport.';
comment on column raw.taxi_zone_lookup.zone is 'Name of the zone; a few names cover several zones.';
comment on column raw.taxi_zone_lookup.service_zone is 'Which taxis may pick up there.';
