delete from ops.quality_result as recorded
using (
    select
        attempt_id,
        max(measured_at) as measured_at
    from {measured}
    group by attempt_id
) as measured
where
    recorded.attempt_id = measured.attempt_id
    and recorded.measured_by = 'dbt'
    and recorded.measured_at < measured.measured_at
