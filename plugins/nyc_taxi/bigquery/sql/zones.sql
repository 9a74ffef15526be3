select
    locationid,
    borough,
    zone,
    service_zone
from {raw}.taxi_zone_lookup
order by locationid
