{{ built_by_month() }}

with

trips as (

    select * from {{ ref('stg_fhvhv_tripdata') }}
    where {{ in_run_months("'fhvhv'") }}

),

-- Read by the same statement as the trips, so that it is the attempt that loaded them.
published as (

    select
        dataset,
        file_month,
        attempt_id

    from {{ ref('stg_file_ledger') }}
    where
        dataset = 'fhvhv'
        and outcome = 'published'
        and {{ in_run_months() }}

)

-- The key is the row's place in its file: to number equal rows, 20 million of them would have to be sorted.
select
    ---------- file
    trips.file_month,
    published.dataset,
    filename,
    row_number,
    published.attempt_id,

    ---------- ids
    {{ key_of(['published.dataset', 'trips.file_month', 'row_number']) }} as trip_id,
    hvfhs_license_num,
    service_name,
    dispatching_base_num,
    originating_base_num,

    ---------- places
    pickup_location_id,
    dropoff_location_id,

    ---------- times
    request_datetime,
    on_scene_datetime,
    pickup_datetime,
    dropoff_datetime,
    {{ seconds_between('pickup_datetime', 'dropoff_datetime') }} as trip_duration_seconds,
    trip_time_seconds,

    ---------- trip
    trip_distance,
    is_shared_request,
    is_shared_match,
    is_access_a_ride,
    is_wav_request,
    is_wav_match,
    sr_flag,

    ---------- dollars
    fare_amount,
    tolls_amount,
    black_car_fund,
    sales_tax,
    congestion_surcharge,
    airport_fee,
    cbd_congestion_fee,
    tip_amount,
    fare_amount
    + coalesce(tolls_amount, 0)
    + coalesce(black_car_fund, 0)
    + coalesce(sales_tax, 0)
    + coalesce(congestion_surcharge, 0)
    + coalesce(airport_fee, 0)
    + coalesce(cbd_congestion_fee, 0)
    + coalesce(tip_amount, 0) as total_amount,
    driver_pay,

    ---------- flags
    coalesce({{ month_of('pickup_datetime') }} <> trips.file_month, false) as is_outside_file_month,
    coalesce({{ month_of('pickup_datetime') }} >= {{ months_after('trips.file_month', 2) }}, false) as is_future

from trips
inner join published
    on trips.file_month = published.file_month
