delete from raw.taxi_zone_lookup
