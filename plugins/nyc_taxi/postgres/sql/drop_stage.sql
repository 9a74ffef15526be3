drop table if exists {table};

drop sequence if exists {sequence};
