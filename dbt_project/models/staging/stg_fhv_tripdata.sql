select
    ---------- file
    file_month,
    filename,
    row_number,

    ---------- ids
    coalesce(dispatching_base_num, dispatching_base_number) as dispatching_base_num,
    affiliated_base_number as affiliated_base_num,
    pulocationid as pickup_location_id,
    dolocationid as dropoff_location_id,

    ---------- times
    pickup_datetime,
    dropoff_datetime,

    ---------- trip
    sr_flag,

    ---------- rest
    {{ json_text('unmapped') }} as unmapped

from {{ source('raw', 'fhv_tripdata') }}
