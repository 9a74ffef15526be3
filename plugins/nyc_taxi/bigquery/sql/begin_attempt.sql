insert into {ops}.file_ledger (
    id,
    dataset,
    month,
    outcome,
    source,
    url,
    etag,
    last_modified,
    bytes,
    run_id,
    base_id,
    started,
    owner,
    lease_until
)
select
    unix_millis(clock.now) * 1000 + cast(floor(rand() * 1000) as int64),
    @dataset,
    @month,
    'staging',
    @source,
    @url,
    @etag,
    @last_modified,
    @bytes,
    @run_id,
    (
        select id
        from {ops}.file_ledger
        where dataset = @dataset and month = @month and outcome in ('published', 'unloaded')
        order by outcome = 'published' desc, finished desc
        limit 1
    ),
    clock.now,
    @owner,
    timestamp_add(clock.now, interval @lease second)
from (select current_timestamp() as now) as clock
