grant usage on schema raw, ops to {role};

grant select on all tables in schema raw, ops to {role};

alter default privileges in schema raw, ops grant select on tables to {role}
