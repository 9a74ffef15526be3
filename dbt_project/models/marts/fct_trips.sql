-- depends_on: {{ ref('int_quality') }}
{{ built_by_month(cluster_by=['dataset', 'pickup_datetime']) }}

with

trips as (

    select * from {{ ref('int_trips') }}
    where {{ in_run_months() }}

),

zones as (

    select
        location_id,
        borough,
        zone

    from {{ ref('dim_zones') }}

),

payment_types as (

    select * from {{ ref('dim_payment_types') }}

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
    trips.service_type,
    trips.vendor_id,
    trips.rate_code_id,
    trips.payment_type,
    coalesce(payment_types.payment_type_description, 'Not recorded') as payment_type_description,
    trips.trip_type,

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
    trips.trip_duration_minutes,

    ---------- trip
    trips.store_and_fwd_flag,
    trips.passenger_count,
    trips.trip_distance,

    ---------- dollars
    trips.fare_amount,
    trips.extra,
    trips.mta_tax,
    trips.tip_amount,
    trips.tolls_amount,
    trips.ehail_fee,
    trips.improvement_surcharge,
    trips.congestion_surcharge,
    trips.airport_fee,
    trips.cbd_congestion_fee,
    trips.total_amount,

    ---------- flags
    trips.is_vendor_blank,
    trips.is_outside_file_month,
    trips.is_future,
    trips.is_reversal,
    trips.is_reversal_pair

from trips
left join zones as pickup
    on trips.pickup_location_id = pickup.location_id
left join zones as dropoff
    on trips.dropoff_location_id = dropoff.location_id
left join payment_types
    on trips.payment_type = payment_types.payment_type
