with

source as (

    select * from {{ source('raw', 'taxi_zone_lookup') }}

),

renamed as (

    select
        locationid as location_id,
        borough,
        zone,
        service_zone

    from source

)

select * from renamed
