"""What happens to the months of one warehouse, and what could be seen after each step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from nyc_taxi.core.month import Month
from tests.dbt.months import load, without_totals
from tests.trips import lines, text, write
from tests.waiting import HANGS, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.dbt.mart import Mart, Run

READ = """
select relname, seq_tup_read + coalesce(idx_tup_fetch, 0)
from pg_stat_all_tables
where schemaname = 'raw' and relname ~ 'tripdata_[0-9]'
"""

WRITTEN = "select to_char(file_month, 'YYYY-MM'), max(xmin::text::bigint) from marts.fct_trips group by 1"

FUTURE = "select distinct to_char(pickup_datetime, 'YYYY-MM') from marts.fct_trips where is_future"

RESULTS = """
select
    q.dataset || ' ' || to_char(q.month, 'YYYY-MM'),
    q.attempt_id,
    jsonb_object_agg(q.check_name, q.outcome),
    array_agg(distinct q.dimension order by q.dimension)
from ops.quality_result as q
where q.measured_by = 'dbt'
group by 1, 2
"""


@dataclass
class Step:
    """What could be seen after something had happened.

    :param run: dbt's run in this step
    :param before: months to build before it
    :param stale: months to build after it
    :param content: a hash of each table and month
    :param months: trips of each dataset and month in ``fct_trips``
    :param written: the last transaction that wrote a row of a month
    :param future: months of pickup of the trips with is_future
    :param read: partitions of the raw tables that the run read
    :param results: dbt's outcome of each check, by dataset, month and attempt
    """

    run: Run
    before: list[str]
    stale: list[str]
    content: dict[str, dict[str, str]]
    months: dict[str, int]
    written: dict[str, int]
    future: set[str]
    read: set[str]
    results: dict[tuple[str, int], dict[str, str]]

    def marts(self) -> dict[str, dict[str, str]]:
        return {model: content for model, content in self.content.items() if model.startswith("marts.")}


def with_a_trip_of_2098(mart: Mart, month: str) -> Path:
    """Write a green month whose last trip began seventy years too late."""
    rows = lines(998, Month(month))
    future = rows[-1].replace(f"{month}-", "2098-07-")
    return write(mart.folder / "future", text([*rows, future]), f"green_tripdata_{month}.csv.gz")


def step(mart: Mart, *months: str) -> Step:
    """Build months and look around."""
    before, read = mart.stale(), dict(mart.all(READ))
    run = mart.build(*months)
    after = dict(mart.all(READ))
    mart.warehouse.record_dbt_checks("prod")
    return Step(
        run=run,
        before=before,
        stale=mart.stale(),
        content=mart.content(),
        months=mart.months(),
        written=dict(mart.all(WRITTEN)),
        future={month for (month,) in mart.all(FUTURE)},
        read={name for name, tuples in after.items() if tuples != read.get(name, 0)},
        results={(month, attempt): outcomes for month, attempt, outcomes, _ in mart.all(RESULTS)},
    )


BLOCKED = """
select count(*)
from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock' and query like '%%fct_trips%%'
"""


@contextmanager
def another_run_of(mart: Mart, month: str) -> Iterator[None]:
    """Write a month of ``fct_trips`` as another run would, and commit when dbt waits for it."""
    with psycopg.connect(mart.uri) as other, ThreadPoolExecutor(1) as pool:
        other.execute(
            """
            with gone as (delete from marts.fct_trips where file_month = %s returning *)
            insert into marts.fct_trips select * from gone
            """,
            (Month(month).first_day,),
        )
        committed = pool.submit(commit_when_waited_for, mart, other)
        yield
        committed.result(HANGS)


def commit_when_waited_for(mart: Mart, other: psycopg.Connection) -> None:
    def waits() -> bool:
        """dbt waits for the other run."""
        return watching.execute(BLOCKED).fetchall() != [(0,)]

    with psycopg.connect(mart.uri, autocommit=True) as watching:
        eventually(waits)
    other.commit()


@dataclass
class Story:
    """All that happened to one warehouse, in this order."""

    mart: Mart
    february: Step
    late_january: Step
    february_again: Step
    bad_january: Step
    march: Step
    without_february: Step


def tell(mart: Mart) -> Story:
    """Let all of it happen to an empty warehouse."""
    for dataset in ("yellow", "fhv", "fhvhv"):
        load(mart, dataset, "2021-02")
    mart.load(with_a_trip_of_2098(mart, "2021-02"), "green", "2021-02")
    february = step(mart, "2021-02")
    load(mart, "green", "2021-01")
    late_january = step(mart, "2021-01")
    load(mart, "green", "2021-02", edition=2)
    with another_run_of(mart, "2021-02"):
        february_again = step(mart, "2021-02")
    mart.load(without_totals(mart.folder, "2021-01", 950), "green", "2021-01")
    mart.connection.execute("truncate raw.fhv_tripdata_2021_02")
    bad_january = step(mart, "green 2021-01", "fhv 2021-02")
    load(mart, "green", "2021-03")
    load(mart, "yellow", "2021-01")
    march = step(mart, "green 2021-03", "yellow 2021-01")
    load(mart, "green", "2021-01", edition=3)
    mart.unload("green", "2021-02")
    mart.unload("fhv", "2021-02")
    without_february = step(mart, "2021-01", "2021-02")
    mart.built(target="dev")
    return Story(mart, february, late_january, february_again, bad_january, march, without_february)
