with

vendors as (

    select 1 as vendor_id, 'Creative Mobile Technologies' as vendor_name
    union all
    select 2, 'VeriFone Inc.'
    union all
    select 3, 'Digital Dispatch Systems'
    union all
    select 4, 'Unknown/Other'
    union all
    select 5, 'Unknown/Other'
    union all
    select 6, 'Myle Technologies'
    union all
    select 7, 'Helix'

)

select
    vendor_id,
    vendor_name

from vendors
