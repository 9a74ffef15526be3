with

days as (

    select
        dataset,
        cast(pickup_datetime as date) as day
    from marts.fct_trips
    where file_month between %(first)s and %(last)s
        and not is_outside_file_month
        and not is_reversal

    union all

    select
        dataset,
        cast(pickup_datetime as date) as day
    from marts.fct_fhv_trips
    where file_month between %(first)s and %(last)s
        and not is_outside_file_month

)

select
    dataset,
    day,
    count(*) as trips
from days
group by dataset, day
order by dataset, day
