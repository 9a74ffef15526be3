grant usage on schema {schemas} to {role};

grant select on all tables in schema {schemas} to {role};

alter default privileges in schema {schemas} grant select on tables to {role}
