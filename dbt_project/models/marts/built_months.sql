{{ built_by_month() }}

with

built as (

    select
        file_month,
        dataset,
        attempt_id,
        count(*) as trips

    from {{ ref('fct_trips') }}
    where {{ in_run_months() }}
    group by file_month, dataset, attempt_id

    union all

    select
        file_month,
        dataset,
        attempt_id,
        count(*) as trips

    from {{ ref('fct_fhv_trips') }}
    where {{ in_run_months() }}
    group by file_month, dataset, attempt_id

),

zones as (

    select {{ zones_version() }} as zones_version
    from {{ ref('dim_zones') }}

)

-- after {{ ref('fct_monthly_zone_revenue') }}: a month is built when all that is made of it is there
select
    built.file_month,
    built.dataset,
    built.attempt_id,
    built.trips,
    zones.zones_version,
    current_timestamp as built_at,
    '{{ invocation_id }}' as invocation_id

from built
cross join zones
