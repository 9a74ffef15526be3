with

source as (

    select * from {{ source('ops', 'file_ledger') }}

),

renamed as (

    select
        id as attempt_id,
        dataset,
        month as file_month,
        outcome,
        rows_loaded

    from source
    where {{ has_models() }}

)

select * from renamed
