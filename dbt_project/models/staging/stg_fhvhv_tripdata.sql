with

source as (

    select * from {{ source('raw', 'fhvhv_tripdata') }}

),

renamed as (

    select
        ---------- file
        file_month,
        filename,
        row_number,

        ---------- ids
        hvfhs_license_num,
        {{ service_of('hvfhs_license_num') }} as service_name,
        dispatching_base_num,
        originating_base_num,
        pulocationid as pickup_location_id,
        dolocationid as dropoff_location_id,

        ---------- times
        request_datetime,
        on_scene_datetime,
        pickup_datetime,
        dropoff_datetime,
        trip_time as trip_time_seconds,

        ---------- trip
        cast(trip_miles as numeric) as trip_distance,
        shared_request_flag = 'Y' as is_shared_request,
        shared_match_flag = 'Y' as is_shared_match,
        access_a_ride_flag = 'Y' as is_access_a_ride,
        wav_request_flag = 'Y' as is_wav_request,
        wav_match_flag = 'Y' as is_wav_match,
        sr_flag,

        ---------- dollars
        cast(base_passenger_fare as numeric) as fare_amount,
        cast(tolls as numeric) as tolls_amount,
        cast(bcf as numeric) as black_car_fund,
        cast(sales_tax as numeric) as sales_tax,
        cast(congestion_surcharge as numeric) as congestion_surcharge,
        cast(airport_fee as numeric) as airport_fee,
        cast(cbd_congestion_fee as numeric) as cbd_congestion_fee,
        cast(tips as numeric) as tip_amount,
        cast(driver_pay as numeric) as driver_pay,

        ---------- other
        {{ json_text('unmapped') }} as unmapped

    from source

)

select * from renamed
