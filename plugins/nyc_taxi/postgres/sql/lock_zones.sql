lock table raw.taxi_zone_lookup in share row exclusive mode
