create table raw.taxi_zone_lookup (
    locationid integer primary key,
    borough text,
    zone text,
    service_zone text
);

comment on table raw.taxi_zone_lookup is 'TLC''s taxi zones: what the location ids of the trips mean.';
comment on column raw.taxi_zone_lookup.locationid is 'TLC''s number of the zone.';
comment on column raw.taxi_zone_lookup.borough is 'The zone''s borough; EWR for Newark airport.';
comment on column raw.taxi_zone_lookup.zone is 'Name of the zone; a few names cover several zones.';
comment on column raw.taxi_zone_lookup.service_zone is 'Which taxis may pick up there.';
