-- The dollars of the trips of a file are the dollars of its zones, and the dollars of all files those of all months.
{{ config(severity='error') }}

with

trips as (

    select
        file_month,
        sum(total_amount) as dollars

    from {{ ref('fct_trips') }}
    where {{ in_run_months() }}
    group by file_month

),

zones_of_files as (

    select
        file_month,
        sum(total_amount) as dollars

    from {{ ref('int_zone_revenue') }}
    group by file_month

),

all_files as (

    select coalesce(sum(dollars), 0) as dollars
    from zones_of_files

),

all_months as (

    select coalesce(sum(revenue_monthly_total_amount), 0) as dollars
    from {{ ref('fct_monthly_zone_revenue') }}

)

select
    trips.file_month,
    trips.dollars,
    zones_of_files.dollars as summed

from trips
left join zones_of_files
    on trips.file_month = zones_of_files.file_month

where coalesce(trips.dollars, 0) <> coalesce(zones_of_files.dollars, 0)

union all

select
    null as file_month,
    all_files.dollars,
    all_months.dollars as summed

from all_files
cross join all_months

where all_files.dollars <> all_months.dollars
