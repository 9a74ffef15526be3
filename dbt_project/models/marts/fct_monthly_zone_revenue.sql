with

-- A month's trips can be in several files.
revenue as (

    select
        revenue_month,
        service_type,
        pickup_location_id,
        sum(fare) as fare,
        sum(extra) as extra,
        sum(mta_tax) as mta_tax,
        sum(tip_amount) as tip_amount,
        sum(tolls_amount) as tolls_amount,
        sum(ehail_fee) as ehail_fee,
        sum(improvement_surcharge) as improvement_surcharge,
        sum(congestion_surcharge) as congestion_surcharge,
        sum(airport_fee) as airport_fee,
        sum(cbd_congestion_fee) as cbd_congestion_fee,
        sum(total_amount) as total_amount,
        sum(trips) as trips,
        sum(reversals) as reversals,
        sum(passengers) as passengers,
        sum(trips_with_passengers) as trips_with_passengers,
        sum(distance) as distance,
        sum(trips_with_distance) as trips_with_distance

    from {{ ref('int_zone_revenue') }}

    group by
        revenue_month,
        service_type,
        pickup_location_id

),

zones as (

    select
        location_id,
        borough,
        zone

    from {{ ref('dim_zones') }}

)

select
    ---------- grain
    revenue.revenue_month,
    revenue.service_type,
    revenue.pickup_location_id,
    zones.borough as pickup_borough,
    coalesce(zones.zone, 'Unknown Zone') as pickup_zone,

    ---------- dollars
    revenue.fare as revenue_monthly_fare,
    revenue.extra as revenue_monthly_extra,
    revenue.mta_tax as revenue_monthly_mta_tax,
    revenue.tip_amount as revenue_monthly_tip_amount,
    revenue.tolls_amount as revenue_monthly_tolls_amount,
    revenue.ehail_fee as revenue_monthly_ehail_fee,
    revenue.improvement_surcharge as revenue_monthly_improvement_surcharge,
    revenue.congestion_surcharge as revenue_monthly_congestion_surcharge,
    revenue.airport_fee as revenue_monthly_airport_fee,
    revenue.cbd_congestion_fee as revenue_monthly_cbd_congestion_fee,
    revenue.total_amount as revenue_monthly_total_amount,

    ---------- trips
    cast(revenue.trips as bigint) as total_monthly_trips,
    cast(revenue.reversals as bigint) as total_monthly_reversals,
    cast(revenue.passengers as numeric) / nullif(revenue.trips_with_passengers, 0) as avg_monthly_passenger_count,
    revenue.distance / nullif(revenue.trips_with_distance, 0) as avg_monthly_trip_distance

from revenue
left join zones
    on revenue.pickup_location_id = zones.location_id
