-- The marts have the zone names of every trip, so nothing is built without the lookup. The zones DAG loads it.
{{ config(severity='error') }}

select count(*) as zones
from {{ ref('stg_taxi_zone_lookup') }}
having count(*) < 265
