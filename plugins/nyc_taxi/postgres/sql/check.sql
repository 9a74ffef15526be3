select
    current_setting('server_version'),
    current_database(),
    current_user,
    has_database_privilege(current_database(), 'create') or to_regclass('ops.file_ledger') is not null
