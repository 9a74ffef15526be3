-- What "discard all" does, which cannot be sent together with another statement.
close all;
set session authorization default;
reset all;
deallocate all;
unlisten *;
select pg_advisory_unlock_all();
discard plans;
discard temp;
discard sequences;
