with

source as (

    select * from {{ source('raw', 'yellow_tripdata') }}

),

renamed as (

    select
        ---------- file
        file_month,
        filename,
        row_number,
        {{ legacy_row_id('tpep_pickup_datetime', 'tpep_dropoff_datetime') }} as unique_row_id,
        {{ legacy_bigquery_row_id('tpep_pickup_datetime', 'tpep_dropoff_datetime') }} as unique_row_id_bigquery,

        ---------- ids
        coalesce(vendorid, {{ vendor_of('vendor_name') }}) as vendor_id,
        ratecodeid as rate_code_id,
        pulocationid as pickup_location_id,
        dolocationid as dropoff_location_id,
        coalesce(payment_type, {{ payment_type_of('payment_type_name') }}) as payment_type,

        ---------- times
        tpep_pickup_datetime as pickup_datetime,
        tpep_dropoff_datetime as dropoff_datetime,

        ---------- trip
        store_and_fwd_flag,
        passenger_count,
        cast(trip_distance as numeric) as trip_distance,
        pickup_longitude,
        pickup_latitude,
        dropoff_longitude,
        dropoff_latitude,

        ---------- dollars
        cast(fare_amount as numeric) as fare_amount,
        cast(coalesce(extra, surcharge) as numeric) as extra,
        cast(mta_tax as numeric) as mta_tax,
        cast(tip_amount as numeric) as tip_amount,
        cast(tolls_amount as numeric) as tolls_amount,
        cast(improvement_surcharge as numeric) as improvement_surcharge,
        cast(congestion_surcharge as numeric) as congestion_surcharge,
        cast(airport_fee as numeric) as airport_fee,
        cast(cbd_congestion_fee as numeric) as cbd_congestion_fee,
        cast(total_amount as numeric) as total_amount,

        ---------- other
        {{ json_text('unmapped') }} as unmapped

    from source

)

select * from renamed
