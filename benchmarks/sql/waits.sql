with tasks as (
    select
        task.task_id,
        task.duration,
        task.scheduled_dttm,
        task.queued_dttm,
        task.start_date,
        lag(task.end_date) over (partition by task.dag_id, task.run_id order by task.start_date) as before
    from task_instance as task
    inner join dag_run as run on run.dag_id = task.dag_id and run.run_id = task.run_id
    where task.dag_id = any(%(dag_ids)s) and run.backfill_id is not null
)

select
    task_id,
    sum(duration),
    sum(cast(extract(epoch from scheduled_dttm - coalesce(before, scheduled_dttm)) as double precision)),
    sum(cast(extract(epoch from queued_dttm - scheduled_dttm) as double precision)),
    sum(cast(extract(epoch from start_date - queued_dttm) as double precision))
from tasks
group by task_id
order by min(start_date)
