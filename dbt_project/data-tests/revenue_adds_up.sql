-- The totals of a file's trips and of its zones are equal, and so are those of all files and of all months.
{{ config(severity='error') }}

with

trips as (

    select
        file_month,
        dataset,
        sum(total_amount) as dollars

    from {{ ref('fct_trips') }}
    where {{ in_run_months() }}
    group by file_month, dataset

),

zones_of_files as (

    select
        file_month,
        dataset,
        sum(total_amount) as dollars

    from {{ ref('int_zone_revenue') }}
    group by file_month, dataset

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
    trips.dataset,
    trips.dollars,
    zones_of_files.dollars as summed

from trips
left join zones_of_files
    on
        trips.file_month = zones_of_files.file_month
        and trips.dataset = zones_of_files.dataset

where coalesce(trips.dollars, 0) <> coalesce(zones_of_files.dollars, 0)

union all

select
    null as file_month,
    null as dataset,
    all_files.dollars,
    all_months.dollars as summed

from all_files
cross join all_months

where all_files.dollars <> all_months.dollars
