create table if not exists trips_staging (like trips)
