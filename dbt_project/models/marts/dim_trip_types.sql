select
    trip_type,
    trip_type_description

from {{ ref('trip_type_lookup') }}
