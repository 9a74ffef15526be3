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
        cast(null as {{ dbt.type_string() }}) as service_name,
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
        cast(null as {{ dbt.type_string() }}) as service_name,
        is_outside_file_month,
        is_future,
        false as is_reversal,
        false as is_reversal_pair

    from {{ ref('int_fhv_trips') }}
    where {{ in_run_months() }}

),

fhvhv_trips as (

    select
        'fhvhv' as kind,
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
        total_amount,
        dispatching_base_num,
        service_name,
        is_outside_file_month,
        is_future,
        false as is_reversal,
        false as is_reversal_pair

    from {{ ref('int_fhvhv_trips') }}
    where {{ in_run_months() }}

),

trips as (

    select * from taxi_trips
    union all
    select * from fhv_trips
    union all
    select * from fhvhv_trips

),

zones as (

    select location_id from {{ ref('stg_taxi_zone_lookup') }}

),

vendors as (

    select vendor_id from {{ ref('vendor_lookup') }}

),

payment_types as (

    select payment_type from {{ ref('payment_type_lookup') }}

),

rate_codes as (

    select rate_code_id from {{ ref('rate_code_lookup') }}

),

trip_types as (

    select trip_type from {{ ref('trip_type_lookup') }}

),

looked_up as (

    select
        trips.*,
        pickup_zones.location_id as known_pickup_location_id,
        dropoff_zones.location_id as known_dropoff_location_id,
        vendors.vendor_id as known_vendor_id,
        payment_types.payment_type as known_payment_type,
        rate_codes.rate_code_id as known_rate_code_id,
        trip_types.trip_type as known_trip_type

    from trips
    left join zones as pickup_zones
        on trips.pickup_location_id = pickup_zones.location_id
    left join zones as dropoff_zones
        on trips.dropoff_location_id = dropoff_zones.location_id
    left join vendors
        on trips.vendor_id = vendors.vendor_id
    left join payment_types
        on trips.payment_type = payment_types.payment_type
    left join rate_codes
        on trips.rate_code_id = rate_codes.rate_code_id
    left join trip_types
        on trips.trip_type = trip_types.trip_type

),

-- for each check, the number of failing trips
failing as (

    select
        kind,
        file_month,
        dataset,
        attempt_id,
        {% for check in quality_checks() if check.condition -%}
            sum(case when {{ check.condition }} then 1 else 0 end) as {{ check.name }},
            {% if check.column -%}
                {{ array_of(check.column, check.condition) }} as {{ check.name }}_values,
            {% endif -%}
        {% endfor -%}
        count(*) as trips,
        sum(copies) as rows_of_file

    from looked_up
    group by kind, file_month, dataset, attempt_id

),

trips_by_id as (

    select
        file_month,
        dataset,
        trip_id,
        count(*) as trips

    from {{ ref('int_trips') }}
    where {{ in_run_months() }}
    group by file_month, dataset, trip_id

    union all

    select
        file_month,
        dataset,
        trip_id,
        count(*) as trips

    from {{ ref('int_fhv_trips') }}
    where {{ in_run_months() }}
    group by file_month, dataset, trip_id

    union all

    select
        file_month,
        dataset,
        trip_id,
        count(*) as trips

    from {{ ref('int_fhvhv_trips') }}
    where {{ in_run_months() }}
    group by file_month, dataset, trip_id

),

duplicates as (

    select
        file_month,
        dataset,
        sum(trips - 1) as trips

    from trips_by_id
    group by file_month, dataset

),

measured as (

    select
        failing.*,
        duplicates.trips as trip_ids_are_unique,
        abs(failing.rows_of_file - ledger.rows_loaded) as trip_count_matches_the_ledger

    from failing
    inner join duplicates
        on
            failing.file_month = duplicates.file_month
            and failing.dataset = duplicates.dataset
    inner join {{ ref('stg_file_ledger') }} as ledger
        on failing.attempt_id = ledger.attempt_id

),

-- the months of the raw tables that have a row
raw_months as (

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
    where {{ in_run_months("'fhv'") }}

    union all

    select distinct
        file_month,
        'fhvhv' as dataset

    from {{ ref('stg_fhvhv_tripdata') }}
    where {{ in_run_months("'fhvhv'") }}

),

-- Published months without raw rows, which somebody deleted, so there is no trip to measure. A month that was
-- published after the trips were read has raw rows; the next run builds it.
emptied_months as (

    select
        ledger.file_month,
        ledger.dataset,
        ledger.attempt_id,
        ledger.rows_loaded

    from {{ ref('stg_file_ledger') }} as ledger
    left join raw_months
        on
            ledger.file_month = raw_months.file_month
            and ledger.dataset = raw_months.dataset
    left join failing
        on
            ledger.file_month = failing.file_month
            and ledger.dataset = failing.dataset
    where
        ledger.outcome = 'published'
        and raw_months.dataset is null
        and failing.dataset is null
        and {{ in_run_months('ledger.dataset', 'ledger.file_month') }}

),

checks as (

    {% for check in quality_checks() %}
        select
            '{{ check.name }}' as check_name,
            '{{ check.dimension }}' as dimension,
            ' {{ check.kinds }} ' as kinds,
            '{{ check.severity }}' as severity,
            {{ check.share }} as allowed_share,
            '{{ 'none' if check.share == 0 else 'at most %g%%' % (100 * check.share) }}' as threshold,
            '{{ check.finding }}' as finding
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- One row per month and check. A join, because a union of one select per check would read the trips for each.
results as (

    select
        measured.file_month,
        measured.dataset,
        measured.attempt_id,
        measured.trips,
        checks.check_name,
        checks.dimension,
        checks.severity,
        checks.allowed_share,
        checks.threshold,
        checks.finding,
        case checks.check_name
            {% for check in quality_checks() -%}
                when '{{ check.name }}' then measured.{{ check.name }}
            {% endfor -%}
        end as failing_trips,
        case checks.check_name
            {% for check in quality_checks() if check.column -%}
                when '{{ check.name }}' then {{ most_frequent('measured.' ~ check.name ~ '_values') }}
            {% endfor -%}
        end as failing_values

    from measured
    inner join checks
        on checks.kinds like '% ' || measured.kind || ' %'

    union all

    select
        emptied_months.file_month,
        emptied_months.dataset,
        emptied_months.attempt_id,
        emptied_months.rows_loaded as trips,
        checks.check_name,
        checks.dimension,
        checks.severity,
        checks.allowed_share,
        checks.threshold,
        checks.finding,
        emptied_months.rows_loaded as failing_trips,
        cast(null as {{ dbt.type_string() }}) as failing_values

    from emptied_months
    inner join checks
        on checks.check_name = 'trip_count_matches_the_ledger'

)

select
    file_month,
    dataset,
    attempt_id,
    dimension,
    check_name,
    cast(failing_trips as {{ dbt.type_float() }}) / trips as value,
    threshold,
    case when failing_trips <= allowed_share * trips then 'pass' else severity end as outcome,
    {{ number_text('failing_trips') }}
    || ' of '
    || {{ number_text('trips') }}
    || ' trips '
    || finding
    || coalesce(': ' || failing_values, '')
    || '.' as message,
    current_timestamp as measured_at

from results
