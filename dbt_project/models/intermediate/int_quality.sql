{{ built_by_month() }}

with

taxi_trips as (

    select
        'taxi' as kind,
        file_month,
        dataset,
        attempt_id,
        copies,
        vendor_id,
        rate_code_id,
        payment_type,
        trip_type,
        pickup_location_id,
        dropoff_location_id,
        pickup_datetime,
        dropoff_datetime,
        total_amount,
        cast(null as {{ dbt.type_string() }}) as dispatching_base_num,
        is_outside_file_month,
        is_future,
        is_reversal,
        is_reversal_pair

    from {{ ref('int_trips') }}
    where {{ in_run_months() }}

),

fhv_trips as (

    select
        'fhv' as kind,
        file_month,
        dataset,
        attempt_id,
        1 as copies,
        cast(null as integer) as vendor_id,
        cast(null as integer) as rate_code_id,
        cast(null as integer) as payment_type,
        cast(null as integer) as trip_type,
        pickup_location_id,
        dropoff_location_id,
        pickup_datetime,
        dropoff_datetime,
        cast(null as numeric) as total_amount,
        dispatching_base_num,
        is_outside_file_month,
        is_future,
        false as is_reversal,
        false as is_reversal_pair

    from {{ ref('int_fhv_trips') }}
    where {{ in_run_months() }}

),

trips as (

    select * from taxi_trips
    union all
    select * from fhv_trips

),

zones as (

    select location_id
    from {{ ref('dim_zones') }}

),

vendors as (

    select vendor_id
    from {{ ref('dim_vendors') }}

),

looked_up as (

    select
        trips.*,
        pickup.location_id as known_pickup_location_id,
        dropoff.location_id as known_dropoff_location_id,
        vendors.vendor_id as known_vendor_id

    from trips
    left join zones as pickup
        on trips.pickup_location_id = pickup.location_id
    left join zones as dropoff
        on trips.dropoff_location_id = dropoff.location_id
    left join vendors
        on trips.vendor_id = vendors.vendor_id

),

such_trips as (

    select
        kind,
        file_month,
        dataset,
        attempt_id,
        {% for check in quality_checks() if check.such -%}
            sum(case when {{ check.such }} then 1 else 0 end) as {{ check.name }},
            {% if check.column -%}
                {{ array_of(check.column, check.such) }} as {{ check.name }}_values,
            {% endif -%}
        {% endfor -%}
        count(*) as trips,
        sum(copies) as rows_of_file

    from looked_up
    group by kind, file_month, dataset, attempt_id

),

-- the partitions of the raw tables that have a row
rows_there as (

    select distinct
        file_month,
        dataset

    from {{ ref('int_trips_unioned') }}
    where {{ in_run_months() }}

    union all

    select distinct
        file_month,
        'fhv' as dataset

    from {{ ref('stg_fhv_tripdata') }}
    where {{ in_run_months() }}

),

-- Months that somebody emptied, which have no trip to be measured. One that was published after the trips
-- were read has rows, and is built by the next run.
emptied as (

    select
        published.file_month,
        published.dataset,
        published.attempt_id,
        published.rows_loaded

    from {{ ref('stg_published_months') }} as published
    left join rows_there
        on
            published.file_month = rows_there.file_month
            and published.dataset = rows_there.dataset
    left join such_trips
        on
            published.file_month = such_trips.file_month
            and published.dataset = such_trips.dataset
    where
        rows_there.dataset is null
        and such_trips.dataset is null
        and {{ in_run_months('published.file_month') }}

),

times_used as (

    select
        file_month,
        dataset,
        trip_id,
        count(*) as times

    from {{ ref('int_trips') }}
    where {{ in_run_months() }}
    group by file_month, dataset, trip_id

    union all

    select
        file_month,
        dataset,
        trip_id,
        count(*) as times

    from {{ ref('int_fhv_trips') }}
    where {{ in_run_months() }}
    group by file_month, dataset, trip_id

),

used_again as (

    select
        file_month,
        dataset,
        sum(times - 1) as trips

    from times_used
    group by file_month, dataset

),

counted as (

    select
        such_trips.*,
        used_again.trips as trip_ids_are_unique,
        abs(such_trips.rows_of_file - ledger.rows_loaded) as trips_are_all_there

    from such_trips
    inner join used_again
        on
            such_trips.file_month = used_again.file_month
            and such_trips.dataset = used_again.dataset
    inner join {{ source('ops', 'file_ledger') }} as ledger
        on such_trips.attempt_id = ledger.id

),

checks as (

    {% for check in quality_checks() %}
        select
            '{{ check.name }}' as check_name,
            '{{ check.dimension }}' as dimension,
            '{{ check.of }}' as kind,
            '{{ check.severity }}' as severity,
            {{ check.share }} as share_allowed,
            '{{ 'none' if check.share == 0 else 'at most %g%%' % (100 * check.share) }}' as upper_limit,
            '{{ check.said }}' as said
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- one row a check; joined and not repeated, so that the trips are read once
found as (

    select
        counted.file_month,
        counted.dataset,
        counted.attempt_id,
        counted.trips,
        checks.check_name,
        checks.dimension,
        checks.severity,
        checks.share_allowed,
        checks.upper_limit,
        checks.said,
        case checks.check_name
            {% for check in quality_checks() -%}
                when '{{ check.name }}' then counted.{{ check.name }}
            {% endfor -%}
        end as such_trips,
        case checks.check_name
            {% for check in quality_checks() if check.column -%}
                when '{{ check.name }}' then {{ most_frequent('counted.' ~ check.name ~ '_values') }}
            {% endfor -%}
        end as such_values

    from counted
    inner join checks
        on checks.kind = 'all' or counted.kind = checks.kind

    union all

    select
        emptied.file_month,
        emptied.dataset,
        emptied.attempt_id,
        emptied.rows_loaded as trips,
        checks.check_name,
        checks.dimension,
        checks.severity,
        checks.share_allowed,
        checks.upper_limit,
        checks.said,
        emptied.rows_loaded as such_trips,
        cast(null as {{ dbt.type_string() }}) as such_values

    from emptied
    inner join checks
        on checks.check_name = 'trips_are_all_there'

)

select
    file_month,
    dataset,
    attempt_id,
    dimension,
    check_name,
    cast(such_trips as {{ dbt.type_float() }}) / trips as share_found,
    upper_limit,
    case when such_trips <= share_allowed * trips then 'pass' else severity end as outcome,
    {{ number_text('such_trips') }}
    || ' of '
    || {{ number_text('trips') }}
    || ' trips '
    || said
    || coalesce(': ' || such_values, '')
    || '.' as message,
    current_timestamp as measured_at

from found
