-- The marts name the zones of every trip: without the lookup nothing is built. zones_postgres loads it.
{{ config(severity='error') }}

select count(*) as zones
from {{ ref('stg_taxi_zone_lookup') }}
having count(*) < 265
