merge {table} as held
using (
    select
        {columns}
    from {stage} as staged
    cross join (
        select
            case
                when exists (
                    select 1
                    from {table}
                    where
                        file_month = @month
                        and coalesce(attempt_id, 0) not in unnest(@seen)
                )
                    then error('nyc_taxi: another attempt was published')
                when (select count(*) from {stage}) != @rows
                    then error('nyc_taxi: the staged rows were changed')
                else true
            end as unchanged
    ) as guard
    where guard.unchanged
) as month on false
when not matched by source and held.file_month = @month then delete
when not matched by target then insert (
    file_month,
    filename,
    attempt_id,
    {names}
)
values (
    @month,
    @filename,
    @attempt,
    {names}
)
