-- depends_on: {{ ref('int_quality') }}
{{ built_by_month(cluster_by=['pickup_datetime']) }}

with

trips as (

    select * from {{ ref('int_fhvhv_trips') }}
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
    trips.hvfhs_license_num,
    trips.service_name,
    trips.dispatching_base_num,
    trips.originating_base_num,

    ---------- places
    trips.pickup_location_id,
    pickup.borough as pickup_borough,
    pickup.zone as pickup_zone,
    trips.dropoff_location_id,
    dropoff.borough as dropoff_borough,
    dropoff.zone as dropoff_zone,

    ---------- times
    trips.request_datetime,
    trips.on_scene_datetime,
    trips.pickup_datetime,
    trips.dropoff_datetime,
    trips.trip_duration_seconds,
    trips.trip_time_seconds,

    ---------- trip
    trips.trip_distance,
    trips.is_shared_request,
    trips.is_shared_match,
    trips.is_access_a_ride,
    trips.is_wav_request,
    trips.is_wav_match,
    trips.sr_flag,

    ---------- dollars
    trips.fare_amount,
    trips.tolls_amount,
    trips.black_car_fund,
    trips.sales_tax,
    trips.congestion_surcharge,
    trips.airport_fee,
    trips.cbd_congestion_fee,
    trips.tip_amount,
    trips.total_amount,
    trips.driver_pay,

    ---------- flags
    trips.is_outside_file_month,
    trips.is_future

from trips
left join zones as pickup
    on trips.pickup_location_id = pickup.location_id
left join zones as dropoff
    on trips.dropoff_location_id = dropoff.location_id
