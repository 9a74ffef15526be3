copy raw.taxi_zone_lookup (
    locationid,
    borough,
    zone,
    service_zone
)
from stdin
