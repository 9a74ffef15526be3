with

green as (

    select
        'green' as dataset,
        'Green' as service_type,
        file_month,
        filename,
        row_number,
        vendor_id,
        rate_code_id,
        pickup_location_id,
        dropoff_location_id,
        payment_type,
        trip_type,
        pickup_datetime,
        dropoff_datetime,
        store_and_fwd_flag,
        passenger_count,
        trip_distance,
        pickup_longitude,
        pickup_latitude,
        dropoff_longitude,
        dropoff_latitude,
        fare_amount,
        extra,
        mta_tax,
        tip_amount,
        tolls_amount,
        ehail_fee,
        improvement_surcharge,
        congestion_surcharge,
        cast(null as numeric) as airport_fee,
        cbd_congestion_fee,
        total_amount,
        unmapped

    from {{ ref('stg_green_tripdata') }}

),

yellow as (

    select
        'yellow' as dataset,
        'Yellow' as service_type,
        file_month,
        filename,
        row_number,
        vendor_id,
        rate_code_id,
        pickup_location_id,
        dropoff_location_id,
        payment_type,
        1 as trip_type, -- the files do not say; yellow taxis are hailed on the street
        pickup_datetime,
        dropoff_datetime,
        store_and_fwd_flag,
        passenger_count,
        trip_distance,
        pickup_longitude,
        pickup_latitude,
        dropoff_longitude,
        dropoff_latitude,
        fare_amount,
        extra,
        mta_tax,
        tip_amount,
        tolls_amount,
        cast(null as numeric) as ehail_fee,
        improvement_surcharge,
        congestion_surcharge,
        airport_fee,
        cbd_congestion_fee,
        total_amount,
        unmapped

    from {{ ref('stg_yellow_tripdata') }}

),

unioned as (

    select * from green
    union all
    select * from yellow

)

select * from unioned
