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
        {% endfor -%}
        count(*) as trips,
        sum(copies) as rows_of_file

    from looked_up
    group by kind, file_month, dataset, attempt_id

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
        end as such_trips

    from counted
    inner join checks
        on checks.kind = 'all' or counted.kind = checks.kind

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
    cast(such_trips as {{ dbt.type_string() }})
    || ' of '
    || cast(trips as {{ dbt.type_string() }})
    || ' trips '
    || said
    || '.' as message,
    current_timestamp as measured_at

from found
