with

source as (

    select * from {{ source('raw', 'fhv_tripdata') }}

),

renamed as (

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

        ---------- other
        {{ json_text('unmapped') }} as unmapped

    from source

)

select * from renamed
