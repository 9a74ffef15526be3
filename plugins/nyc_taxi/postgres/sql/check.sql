select
    current_setting('server_version'),
    current_database(),
    current_user
