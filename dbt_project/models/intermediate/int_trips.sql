{{ built_by_month(cluster_by=['dataset', 'pickup_datetime']) }}

with

trips as (

    select * from {{ ref('int_trips_unioned') }}
    where {{ in_run_months() }}

),

-- Read by the same statement as the trips, so that it is the attempt that loaded them.
published as (

    select
        dataset,
        file_month,
        attempt_id

    from {{ ref('stg_file_ledger') }}
    where
        outcome = 'published'
        and {{ in_run_months() }}

),

keyed as (

    select
        trips.*,
        published.attempt_id,
        {{ key_of([
            'trips.dataset', 'trips.file_month', 'vendor_id', 'rate_code_id', 'pickup_location_id',
            'dropoff_location_id', 'payment_type', 'trip_type', 'pickup_datetime', 'dropoff_datetime',
            'store_and_fwd_flag', 'passenger_count', 'trip_distance', 'pickup_longitude', 'pickup_latitude',
            'dropoff_longitude', 'dropoff_latitude', 'fare_amount', 'extra', 'mta_tax', 'tip_amount',
            'tolls_amount', 'ehail_fee', 'improvement_surcharge', 'congestion_surcharge', 'airport_fee',
            'cbd_congestion_fee', 'total_amount', 'unmapped',
        ]) }} as trip_id

    from trips
    inner join published
        on
            trips.dataset = published.dataset
            and trips.file_month = published.file_month

),

-- The partitions of all windows are prefixes of one order, so that the trips are sorted once.
numbered as (

    select
        *,
        row_number() over (
            partition by
                pickup_datetime, dropoff_datetime, pickup_location_id, dropoff_location_id, vendor_id,
                abs(total_amount), file_month, dataset, total_amount, trip_id
            order by row_number
        ) as copy_number,
        count(*) over (
            partition by
                pickup_datetime, dropoff_datetime, pickup_location_id, dropoff_location_id, vendor_id,
                abs(total_amount), file_month, dataset, total_amount, trip_id
        ) as copies

    from keyed

),

distinct_trips as (

    select * from numbered
    where copy_number = 1

),

-- The same trip with the same total, charged and reversed: the nth charge belongs to the nth reversal.
charges as (

    select
        *,
        row_number() over (
            partition by
                pickup_datetime, dropoff_datetime, pickup_location_id, dropoff_location_id, vendor_id,
                abs(total_amount), file_month, dataset, total_amount
            order by trip_id
        ) as charge_number,
        sum(case when total_amount > 0 then 1 else 0 end) over (
            partition by
                pickup_datetime, dropoff_datetime, pickup_location_id, dropoff_location_id, vendor_id,
                abs(total_amount), file_month, dataset
        ) as times_charged,
        sum(case when total_amount < 0 then 1 else 0 end) over (
            partition by
                pickup_datetime, dropoff_datetime, pickup_location_id, dropoff_location_id, vendor_id,
                abs(total_amount), file_month, dataset
        ) as times_reversed

    from distinct_trips

)

select
    ---------- file
    file_month,
    dataset,
    filename,
    row_number,
    attempt_id,
    copies,

    ---------- ids
    trip_id,
    service_type,
    vendor_id,
    rate_code_id,
    pickup_location_id,
    dropoff_location_id,
    payment_type,
    trip_type,

    ---------- times
    pickup_datetime,
    dropoff_datetime,
    {{ minutes_between('pickup_datetime', 'dropoff_datetime') }} as trip_duration_minutes,

    ---------- trip
    store_and_fwd_flag,
    passenger_count,
    trip_distance,
    pickup_longitude,
    pickup_latitude,
    dropoff_longitude,
    dropoff_latitude,

    ---------- dollars
    fare_amount,
    extra,
    mta_tax,
    tip_amount,
    tolls_amount,
    ehail_fee,
    improvement_surcharge,
    congestion_surcharge,
    airport_fee,
    cbd_congestion_fee,
    total_amount,

    ---------- flags
    vendor_id is null as is_vendor_blank,
    coalesce({{ month_of('pickup_datetime') }} <> file_month, false) as is_outside_file_month,
    coalesce({{ month_of('pickup_datetime') }} >= {{ months_after('file_month', 2) }}, false) as is_future,
    coalesce(total_amount < 0, false) as is_reversal,
    coalesce(
        total_amount <> 0 and charge_number <= times_charged and charge_number <= times_reversed, false
    ) as is_reversal_pair

from charges
