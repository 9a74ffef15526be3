-- Each month has the trips that the ledger says were loaded, exact copies counted.
{{ config(severity='error') }}

with

trips as (

    select
        dataset,
        file_month,
        attempt_id,
        sum(copies) as trips

    from {{ ref('int_trips') }}
    where {{ in_run_months() }}
    group by dataset, file_month, attempt_id

    union all

    select
        dataset,
        file_month,
        attempt_id,
        count(*) as trips

    from {{ ref('int_fhv_trips') }}
    where {{ in_run_months() }}
    group by dataset, file_month, attempt_id

)

select
    trips.dataset,
    trips.file_month,
    trips.trips,
    ledger.rows_loaded

from trips
inner join {{ source('ops', 'file_ledger') }} as ledger
    on trips.attempt_id = ledger.id

where trips.trips <> ledger.rows_loaded
