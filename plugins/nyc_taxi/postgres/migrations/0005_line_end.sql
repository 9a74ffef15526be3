alter table ops.file_ledger add column line_end text;

update ops.file_ledger set line_end = ''
where url like '%.parquet';

comment on column ops.file_ledger.line_end is
'How the file''s rows end: LF, CRLF or CR; empty in a parquet file, null where it was not recorded.';
