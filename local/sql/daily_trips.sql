with

days as (

    select
        service_type,
        cast(pickup_datetime as date) as day
    from marts.fct_trips
    where file_month between %(first)s and %(last)s
        and not is_outside_file_month
        and not is_reversal

    union all

    select
        service_type,
        cast(pickup_datetime as date) as day
    from marts.fct_fhv_trips
    where file_month between %(first)s and %(last)s
        and not is_outside_file_month

)

select
    service_type,
    day,
    count(*) as trips
from days
group by service_type, day
order by service_type, day
