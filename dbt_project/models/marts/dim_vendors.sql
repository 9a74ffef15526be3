with

vendors as (

    select
        1 as vendor_id,
        'Creative Mobile Technologies' as vendor_name
    union all
    select
        2 as vendor_id,
        'VeriFone Inc.' as vendor_name
    union all
    select
        3 as vendor_id,
        'Digital Dispatch Systems' as vendor_name
    union all
    select
        4 as vendor_id,
        'Unknown/Other' as vendor_name
    union all
    select
        5 as vendor_id,
        'Unknown/Other' as vendor_name
    union all
    select
        6 as vendor_id,
        'Myle Technologies' as vendor_name
    union all
    select
        7 as vendor_id,
        'Helix' as vendor_name

)

select
    vendor_id,
    vendor_name

from vendors
