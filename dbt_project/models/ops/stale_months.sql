with

-- From the sources: each run recreates the staging views, and Postgres drops the views that read them.
published as (

    select
        dataset,
        month as file_month,
        id as attempt_id,
        {{ has_models() }} as has_models

    from {{ source('ops', 'file_ledger') }}
    where outcome = 'published'

),

built as (

    select
        file_month,
        dataset,
        attempt_id,
        zones_version

    from {{ ref('built_months') }}

),

zones as (

    select {{ version_of_zones('locationid') }} as zones_version
    from {{ source('raw', 'taxi_zone_lookup') }}

),

compared as (

    select
        coalesce(published.file_month, built.file_month) as file_month,
        coalesce(published.dataset, built.dataset) as dataset,
        published.attempt_id as published_attempt_id,
        built.attempt_id as built_attempt_id,
        case
            when built.attempt_id is null and not published.has_models then 'no models'
            when built.attempt_id is null then 'new'
            when published.attempt_id is null or not published.has_models then 'unloaded'
            when built.attempt_id <> published.attempt_id then 'replaced'
            when built.zones_version <> zones.zones_version then 'other zones'
        end as reason

    from published
    full outer join built
        on
            published.dataset = built.dataset
            and published.file_month = built.file_month
    cross join zones

)

select
    file_month,
    dataset,
    reason,
    published_attempt_id,
    built_attempt_id

from compared

where reason is not null
