create table ops.quality_result (
    attempt_id bigint not null references ops.file_ledger (id) on delete cascade,
    dataset text not null,
    month date not null,
    dimension text not null check (
        dimension in ('accuracy', 'completeness', 'consistency', 'timeliness', 'uniqueness', 'validity')
    ),
    "check" text not null,
    value double precision not null,
    "limit" text not null,
    outcome text not null check (outcome in ('pass', 'warn', 'error')),
    message text not null,
    measured_by text not null check (measured_by in ('load', 'dbt')),
    measured_at timestamptz not null default clock_timestamp(),
    primary key (attempt_id, measured_by, "check")
);

comment on table ops.quality_result is
'What each check found of each attempt, also of one that was refused; measuring again replaces the row.';
comment on column ops.quality_result.attempt_id is 'The attempt in ops.file_ledger whose rows were measured.';
comment on column ops.quality_result.month is 'First day of the file''s month.';
comment on column ops.quality_result.dimension is
'The dimension of quality: accuracy, completeness, consistency, timeliness, uniqueness or validity.';
comment on column ops.quality_result."check" is 'What was checked. A word of SQL: write it with its table, or in quotes.';
comment on column ops.quality_result.value is 'What was found: a share of the rows, or a number.';
comment on column ops.quality_result."limit" is
'What would have passed. A word of SQL: write it with its table, or in quotes.';
comment on column ops.quality_result.outcome is
'pass; warn: reported; error: kept the month out, of the raw tables (load) or of the marts (dbt).';
comment on column ops.quality_result.message is 'The finding as a sentence.';
comment on column ops.quality_result.measured_by is 'load: the audit of the staged file; dbt: the build of the marts.';
comment on column ops.quality_result.measured_at is
'When it was measured; of attempts before this table, when they ended.';

insert into ops.quality_result (
    attempt_id, dataset, month, dimension, "check", value, "limit", outcome, message, measured_by, measured_at
)
select
    ledger.id,
    ledger.dataset,
    ledger.month,
    known.dimension,
    known.name,
    judged.value,
    judged.limit,
    judged.outcome,
    judged.message,
    'load',
    coalesce(ledger.finished, ledger.started)
from ops.file_ledger as ledger
cross join lateral jsonb_to_recordset(ledger.checks) as judged (
    name text, value double precision, "limit" text, outcome text, message text
)
inner join (
    values
    ('columns', 'consistency'),
    ('not empty', 'completeness'),
    ('pickups in the month', 'timeliness'),
    ('rejected rows', 'validity'),
    ('row accounting', 'completeness'),
    ('volume', 'completeness')
) as known (name, dimension)
    on judged.name = known.name;
