-- depends_on: {{ ref('fct_monthly_zone_revenue') }}
{{ built_by_month() }}

with

trips as (

    select
        file_month,
        dataset,
        attempt_id

    from {{ ref('fct_trips') }}
    where {{ in_run_months() }}

    union all

    select
        file_month,
        dataset,
        attempt_id

    from {{ ref('fct_fhv_trips') }}
    where {{ in_run_months() }}

    union all

    select
        file_month,
        dataset,
        attempt_id

    from {{ ref('fct_fhvhv_trips') }}
    where {{ in_run_months() }}

),

months as (

    select
        file_month,
        dataset,
        attempt_id,
        count(*) as trips

    from trips
    group by file_month, dataset, attempt_id

),

zones as (

    select {{ version_of_zones() }} as zones_version
    from {{ ref('dim_zones') }}

)

select
    months.file_month,
    months.dataset,
    months.attempt_id,
    months.trips,
    zones.zones_version,
    current_timestamp as built_at,
    '{{ invocation_id }}' as invocation_id

from months
cross join zones
