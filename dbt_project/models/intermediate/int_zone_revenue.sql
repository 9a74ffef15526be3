-- depends_on: {{ ref('int_quality') }}
{{ built_by_month() }}

with

trips as (

    select * from {{ ref('int_trips') }}
    where {{ in_run_months() }}

)

select
    file_month,
    dataset,
    {{ month_of('pickup_datetime') }} as revenue_month,
    service_type,
    pickup_location_id,

    ---------- dollars
    coalesce(sum(fare_amount), 0) as fare,
    coalesce(sum(extra), 0) as extra,
    coalesce(sum(mta_tax), 0) as mta_tax,
    coalesce(sum(tip_amount), 0) as tip_amount,
    coalesce(sum(tolls_amount), 0) as tolls_amount,
    coalesce(sum(ehail_fee), 0) as ehail_fee,
    coalesce(sum(improvement_surcharge), 0) as improvement_surcharge,
    coalesce(sum(congestion_surcharge), 0) as congestion_surcharge,
    coalesce(sum(airport_fee), 0) as airport_fee,
    coalesce(sum(cbd_congestion_fee), 0) as cbd_congestion_fee,
    coalesce(sum(total_amount), 0) as total_amount,

    ---------- trips
    sum(case when is_reversal then 0 else 1 end) as trips,
    sum(case when is_reversal then 1 else 0 end) as reversals,
    coalesce(sum(case when is_reversal then null else passenger_count end), 0) as passengers,
    sum(case when is_reversal or passenger_count is null then 0 else 1 end) as trips_with_passengers,
    coalesce(sum(case when is_reversal then null else trip_distance end), 0) as distance,
    sum(case when is_reversal or trip_distance is null then 0 else 1 end) as trips_with_distance

from trips

group by
    file_month,
    dataset,
    {{ month_of('pickup_datetime') }},
    service_type,
    pickup_location_id
