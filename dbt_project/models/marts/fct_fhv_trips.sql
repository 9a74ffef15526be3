-- depends_on: {{ ref('int_quality') }}
{{ built_by_month(cluster_by=['pickup_datetime']) }}

with

trips as (

    select * from {{ ref('int_fhv_trips') }}
    where {{ in_run_months() }}

),

zones as (

    select
        location_id,
        borough,
        zone

    from {{ ref('dim_zones') }}

)

select
    ---------- file
    trips.file_month,
    trips.dataset,
    trips.filename,
    trips.row_number,
    trips.attempt_id,

    ---------- ids
    trips.trip_id,
    trips.dispatching_base_num,
    trips.affiliated_base_num,

    ---------- places
    trips.pickup_location_id,
    pickup.borough as pickup_borough,
    pickup.zone as pickup_zone,
    trips.dropoff_location_id,
    dropoff.borough as dropoff_borough,
    dropoff.zone as dropoff_zone,

    ---------- times
    trips.pickup_datetime,
    trips.dropoff_datetime,
    trips.trip_duration_seconds,

    ---------- trip
    trips.sr_flag,

    ---------- flags
    trips.is_outside_file_month,
    trips.is_future

from trips
left join zones as pickup
    on trips.pickup_location_id = pickup.location_id
left join zones as dropoff
    on trips.dropoff_location_id = dropoff.location_id
