-- Some warehouses took this step under an earlier name.
alter table ops.file_ledger add column if not exists measured jsonb;

comment on column ops.file_ledger.measured is
'What the staged rows added up to, measured in the transactions that wrote them: count, row numbers, pickups.';
