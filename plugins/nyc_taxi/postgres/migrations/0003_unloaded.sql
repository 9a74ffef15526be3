alter table ops.file_ledger drop constraint file_ledger_outcome_check;

alter table ops.file_ledger add constraint file_ledger_outcome_check check (
    outcome in (
        'staging', 'staged', 'audited', 'published', 'replaced', 'unloaded', 'superseded', 'failed', 'abandoned'
    )
);

comment on column ops.file_ledger.outcome is
'staging, staged, audited: on its way; published: what raw holds now; replaced: was published before; unloaded: was published, until a person emptied the month; superseded: staged, but another version was published meanwhile; failed: see reason; abandoned: its process died.';
