-- The column stays: a process of an earlier version, at work during an upgrade, names it in every statement.
comment on column ops.file_ledger.checks is
'Of earlier versions, and written no more: ops.quality_result has what the checks found.';
