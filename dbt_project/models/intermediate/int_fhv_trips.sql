{{ built_by_month(cluster_by=['pickup_datetime']) }}

with

trips as (

    select * from {{ ref('stg_fhv_tripdata') }}
    where {{ in_run_months("'fhv'") }}

),

-- Read by the same statement as the trips, so that it is the attempt that loaded them.
published as (

    select
        dataset,
        file_month,
        attempt_id

    from {{ ref('stg_file_ledger') }}
    where
        dataset = 'fhv'
        and outcome = 'published'
        and {{ in_run_months() }}

),

keyed as (

    select
        trips.*,
        published.dataset,
        published.attempt_id,
        {{ key_of([
            'published.dataset', 'trips.file_month', 'dispatching_base_num', 'affiliated_base_num',
            'pickup_location_id', 'dropoff_location_id', 'pickup_datetime', 'dropoff_datetime', 'sr_flag',
            'unmapped',
        ]) }} as content_key

    from trips
    inner join published
        on trips.file_month = published.file_month

),

-- Bases report whole minutes and skip zones, so equal rows are different trips.
numbered as (

    select
        *,
        row_number() over (partition by content_key order by row_number) as trip_number

    from keyed

)

select
    ---------- file
    file_month,
    dataset,
    filename,
    row_number,
    attempt_id,

    ---------- ids
    {{ key_of(['content_key', 'trip_number']) }} as trip_id,
    dispatching_base_num,
    affiliated_base_num,
    pickup_location_id,
    dropoff_location_id,

    ---------- times
    pickup_datetime,
    dropoff_datetime,
    {{ seconds_between('pickup_datetime', 'dropoff_datetime') }} as trip_duration_seconds,

    ---------- trip
    sr_flag,

    ---------- flags
    coalesce({{ month_of('pickup_datetime') }} <> file_month, false) as is_outside_file_month,
    coalesce({{ month_of('pickup_datetime') }} >= {{ months_after('file_month', 2) }}, false) as is_future

from numbered
