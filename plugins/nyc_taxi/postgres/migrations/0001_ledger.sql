create schema if not exists raw;
create schema if not exists stage;

comment on schema raw is 'TLC trips as published: one partitioned table a dataset, one partition a file.';
comment on schema stage is 'Months on their way: one stand-alone table an attempt, gone once it is published.';
comment on schema ops is 'What was loaded, from which file, and which rows were refused.';

create table ops.file_ledger (
    id bigint generated always as identity primary key,
    dataset text not null,
    month date not null check (extract(day from month) = 1),
    outcome text not null check (
        outcome in (
            'staging', 'staged', 'audited', 'published', 'replaced', 'superseded', 'failed', 'abandoned'
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
    era text,
    missing text[] not null default '{}',
    unknown text[] not null default '{}',
    run_id text not null,
    base_id bigint references ops.file_ledger (id),
    stage_table text,
    checks jsonb not null default '[]',
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

comment on table ops.file_ledger is 'One row for each attempt to load a file; a check that finds it unchanged adds none.';
comment on column ops.file_ledger.month is 'First day of the file''s month.';
comment on column ops.file_ledger.outcome is
'staging, staged, audited: on its way; published: what raw holds now; replaced: was published before; superseded: staged, but another version was published meanwhile; failed: see reason; abandoned: its process died.';
comment on column ops.file_ledger.bytes is 'Size of the file as stored at the source.';
comment on column ops.file_ledger.bytes_uncompressed is 'Size of the file''s content.';
comment on column ops.file_ledger.rows_in_file is 'Data rows counted in the file itself: rows_loaded + rows_rejected.';
comment on column ops.file_ledger.header is 'Column names as the file writes them.';
comment on column ops.file_ledger.era is 'Which of the dataset''s known layouts the header is.';
comment on column ops.file_ledger.missing is 'Columns of the dataset that the file does not have.';
comment on column ops.file_ledger.unknown is 'Columns of the file that the dataset does not have; their values are in unmapped.';
comment on column ops.file_ledger.base_id is 'The published attempt that this one set out to replace.';
comment on column ops.file_ledger.checks is 'The audit''s checks with their values.';
comment on column ops.file_ledger.finished is 'When the outcome was reached; for published and replaced, when readers saw the month.';

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
comment on column ops.rejected_rows.line_number is 'Physical line in the file, from 1; null in a parquet file.';
comment on column ops.rejected_rows.row_number is 'Ordinal of the data row in the file, from 1.';
