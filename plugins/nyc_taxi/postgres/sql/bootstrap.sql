create table if not exists ops.schema_migration (
    name text primary key,
    applied timestamptz not null default clock_timestamp()
);

comment on table ops.schema_migration is 'Steps that brought the warehouse to its present shape.';
comment on column ops.schema_migration.name is 'Name of the step.';
comment on column ops.schema_migration.applied is 'When the step was applied.';
