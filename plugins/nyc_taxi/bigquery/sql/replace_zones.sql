merge {raw}.taxi_zone_lookup as held
using (
    select
        cast(json_value(zone, '$.locationid') as int64) as locationid,
        json_value(zone, '$.borough') as borough,
        json_value(zone, '$.zone') as zone,
        json_value(zone, '$.service_zone') as service_zone
    from unnest(json_query_array(@zones)) as zone
) as published on false
when not matched by source then delete
when not matched by target then insert (
    locationid,
    borough,
    zone,
    service_zone
)
values (
    published.locationid,
    published.borough,
    published.zone,
    published.service_zone
)
