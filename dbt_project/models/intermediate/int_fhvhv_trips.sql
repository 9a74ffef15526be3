{{ built_by_month(cluster_by=['pickup_datetime']) }}

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
    trips.filename,
    trips.row_number,
    published.attempt_id,

    ---------- ids
    {{ key_of(['published.dataset', 'trips.file_month', 'trips.row_number']) }} as trip_id,
    trips.hvfhs_license_num,
    trips.service_name,
    trips.dispatching_base_num,
    trips.originating_base_num,

    ---------- places
    trips.pickup_location_id,
    trips.dropoff_location_id,

    ---------- times
    trips.request_datetime,
    trips.on_scene_datetime,
    trips.pickup_datetime,
    trips.dropoff_datetime,
    {{ seconds_between('trips.pickup_datetime', 'trips.dropoff_datetime') }} as trip_duration_seconds,
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
    trips.fare_amount
    + coalesce(trips.tolls_amount, 0)
    + coalesce(trips.black_car_fund, 0)
    + coalesce(trips.sales_tax, 0)
    + coalesce(trips.congestion_surcharge, 0)
    + coalesce(trips.airport_fee, 0)
    + coalesce(trips.cbd_congestion_fee, 0)
    + coalesce(trips.tip_amount, 0) as total_amount,
    trips.driver_pay,

    ---------- flags
    coalesce({{ month_of('trips.pickup_datetime') }} <> trips.file_month, false) as is_outside_file_month,
    coalesce({{ month_of('trips.pickup_datetime') }} >= {{ months_after('trips.file_month', 2) }}, false) as is_future

from trips
inner join published
    on trips.file_month = published.file_month
