-- The mart has every trip that was tested, with the same totals.
{{ config(severity='error') }}

with

tested as (

    select
        file_month,
        dataset,
        count(*) as trips,
        sum(total_amount) as dollars

    from {{ ref('int_trips') }}
    where {{ in_run_months() }}
    group by file_month, dataset

),

mart as (

    select
        file_month,
        dataset,
        count(*) as trips,
        sum(total_amount) as dollars

    from {{ ref('fct_trips') }}
    where {{ in_run_months() }}
    group by file_month, dataset

)

select
    tested.file_month,
    tested.dataset,
    tested.trips,
    mart.trips as trips_in_mart,
    tested.dollars,
    mart.dollars as dollars_in_mart

from tested
full outer join mart
    on
        tested.file_month = mart.file_month
        and tested.dataset = mart.dataset

where
    coalesce(tested.trips, 0) <> coalesce(mart.trips, 0)
    or coalesce(tested.dollars, 0) <> coalesce(mart.dollars, 0)
