"""What happens to the months of one warehouse on BigQuery, and what the marts hold after each step."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from local.dbt import PROJECT
from nyc_taxi import settings
from nyc_taxi.core.month import Month
from nyc_taxi.dbt.invocation import Command, DatasetMonth, Invocation
from nyc_taxi.errors import DataTestFailed
from nyc_taxi.hooks.dbt import dbt
from tests.conftest import REAL_DATA
from tests.dbt.months import load, without_totals

if TYPE_CHECKING:
    from tests.dbt.bigquery_mart import BigQueryMart
    from tests.dbt.mart import Mart, Project, Run

REAL = "2020-04"
"""The month of the real file, too large to compare its rows one by one."""

TABLES = (
    "intermediate.int_trips",
    "intermediate.int_fhv_trips",
    "intermediate.int_fhvhv_trips",
    "intermediate.int_zone_revenue",
    "intermediate.int_quality",
    "marts.fct_trips",
    "marts.fct_fhv_trips",
    "marts.fct_fhvhv_trips",
    "marts.fct_monthly_zone_revenue",
    "marts.dim_zones",
    "marts.dim_vendors",
    "marts.dim_payment_types",
    "marts.dim_rate_codes",
    "marts.dim_trip_types",
    "ops.built_months",
)
"""Every table that dbt builds."""

OWN = {"attempt_id", "measured_at", "built_at", "invocation_id"}
"""Columns with the time or the number of a load or a run."""

AGAIN = (
    *("int_trips", "int_fhv_trips", "int_quality", "int_zone_revenue"),
    *("fct_trips", "fct_fhv_trips", "fct_monthly_zone_revenue", "built_months"),
)
"""What months of taxis and for-hire vehicles change; all models would take half as long again."""

MONTHS = """
select
    concat(dataset, ' ', format_date('%Y-%m', file_month)),
    count(*),
    min(attempt_id),
    max(attempt_id),
    min(trip_id),
    max(trip_id)
from {prefix}marts.TABLE
group by 1
"""

RESULTS = """
select
    concat(dataset, ' ', format_date('%Y-%m', month)),
    countif(outcome = 'error'),
    count(*),
    count(distinct attempt_id)
from {prefix}ops.quality_result
where measured_by = 'dbt'
group by 1
"""

EARLIER = """
insert into {prefix}ops.quality_result (
    attempt_id, dataset, month, check_name, measured_by, measured_at,
    dimension, value, threshold, outcome, message
)
select
    attempt_id, dataset, file_month, 'a_check_of_old', 'dbt', timestamp '2021-01-01',
    'accuracy', 0, 'none', 'pass', ''
from {prefix}ops.built_months
where dataset = 'yellow'
"""

Months = dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Step:
    """What could be seen after something had happened.

    :param before: months to build before it
    :param run: dbt's run in this step
    :param stale: months to build after it
    :param months: what the trips of each dataset and month in the marts are
    """

    before: list[str]
    run: Run | None
    stale: list[str]
    months: Months


@dataclass(frozen=True)
class Story:
    """All that happened to one warehouse, in this order.

    :param rows: every row of each table after the second step, by column, without those of the real month
    :param sums: what each table adds up to after the second step, by file month
    :param recorded: how many results of checks were new after the second step, and when recorded again
    :param forgotten: how many results changed when one was of a check that is no longer made
    :param failure: what the task of the last step, a bad month, said
    :param results: how many checks of each month found an error, how many there are, and of how many attempts
    """

    mart: BigQueryMart
    first: Step
    second: Step
    rows: dict[str, list[tuple[str, ...]]]
    sums: dict[str, list[tuple[str, ...]]]
    recorded: tuple[int, int]
    forgotten: int
    failure: DataTestFailed
    bad: Step
    results: Months


def load_real(project: Project) -> None:
    """Load the real month, where there is one."""
    if REAL_DATA.is_dir():
        project.load(REAL_DATA / "real" / f"green_tripdata_{REAL}.csv.gz", "green", REAL)


def look(mart: BigQueryMart, before: list[str], run: Run | None) -> Step:
    found: Months = {}
    for table in ("fct_trips", "fct_fhv_trips", "fct_fhvhv_trips"):
        found |= {month: tuple(rest) for month, *rest in mart.all(MONTHS.replace("TABLE", table))}
    return Step(before, run, mart.stale(), found)


def columns(project: Project) -> dict[str, dict[str, str]]:
    """Return the columns of each table with the types in their contracts."""
    nodes = json.loads((project.folder / "target" / "manifest.json").read_text())["nodes"].values()
    return {
        table: {name: column["data_type"] for name, column in node["columns"].items() if name not in OWN}
        for table in TABLES
        for node in nodes
        if node["resource_type"] == "model" and node["name"] == table.partition(".")[2]
    }


def shown(value: object) -> str:
    """Return a value as it is compared: numbers are rounded to six decimals."""
    return f"{value:.6f}" if isinstance(value, Decimal | float | int) else str(value)


def rows(project: BigQueryMart | Mart, prefix: str = "") -> dict[str, list[tuple[str, ...]]]:
    """Return the sorted rows of each table, without those of the real month."""
    found = {}
    for table, types in columns(project).items():
        month = {"marts.fct_monthly_zone_revenue": "revenue_month"}.get(table, "file_month")
        where = f"where {month} <> date '{REAL}-01'" if month in types else ""
        statement = f"select {', '.join(types)} from {prefix}{table} {where}"
        found[table] = sorted(tuple(map(shown, row)) for row in project.all(statement))
    return found


def sums(project: BigQueryMart | Mart, prefix: str = "") -> dict[str, list[tuple[str, ...]]]:
    """Return what the columns of each table add up to, by file month: values, different values, and sums."""
    found = {}
    for table, types in columns(project).items():
        if "file_month" not in types:
            continue
        measures = ["file_month", "count(*)"]
        for name, type_ in types.items():
            measures.append(f"count({name})")
            if type_ in {"numeric", "integer", "bigint", "float"}:
                measures.append(f"sum({name})")
            elif type_ == "boolean":
                measures.append(f"sum(case when {name} then 1 else 0 end)")
            else:
                measures.append(f"count(distinct {name})")
        if "trip_id" in types:
            measures += ["min(trip_id)", "max(trip_id)"]
        statement = f"select {', '.join(measures)} from {prefix}{table} group by file_month"
        found[table] = sorted(tuple(map(shown, row)) for row in project.all(statement))
    return found


def tell(mart: BigQueryMart, dbt_program: str) -> Story:
    """Let all of it happen to an empty warehouse."""
    for dataset in ("green", "yellow", "fhv", "fhvhv"):
        load(mart, dataset, "2021-02")
    load(mart, "fhv", "2021-01")
    load_real(mart)
    before = mart.stale()
    first = look(mart, before, mart.built(*(month.partition(" (")[0] for month in before)))

    load(mart, "green", "2021-02", edition=2)
    load(mart, "green", "2021-01")
    mart.unload("fhv", "2021-02")
    before = mart.stale()
    months = [month.partition(" (")[0] for month in before]
    run = mart.dbt("build", "--select", *AGAIN, "--exclude-resource-type", "test", "unit_test", months=months)
    second = look(mart, before, run)
    everything = (rows(mart, mart.place.prefix), sums(mart, mart.place.prefix))
    record = mart.warehouse.record_dbt_checks
    recorded = (record("prod"), record("prod"))
    mart.all(EARLIER)
    forgotten = record("prod")

    mart.load(without_totals(mart.folder, "2021-01", 200), "green", "2021-01")
    before = mart.stale()
    failure = build_january(mart, dbt_program)
    record("prod")
    bad = look(mart, before, None)
    results = {month: tuple(rest) for month, *rest in mart.all(RESULTS)}
    return Story(mart, first, second, *everything, recorded, forgotten, failure, bad, results)


def build_january(mart: BigQueryMart, program: str) -> DataTestFailed:
    """Build a bad month as a task does, from the connection to the error."""
    extra = {
        "project": mart.place.project,
        "bucket": mart.place.bucket,
        "prefix": mart.place.prefix,
        "storage_endpoint": mart.place.storage_endpoint,
        "bigquery_endpoint": mart.place.bigquery_endpoint,
    }
    connection = {"conn_type": "nyc_taxi_bigquery", "extra": extra}
    bad = Invocation(
        Command.BUILD,
        (DatasetMonth(Month("2021-01"), "green"),),
        select="int_trips int_quality fct_trips",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_BIGQUERY_TAXI", json.dumps(connection))
        patch.setattr(settings, "DBT_PROGRAM", program)
        patch.setattr(settings, "DBT_PROJECT", str(PROJECT))
        call = dbt(mart.folder / "task", "bigquery")
        with pytest.raises(DataTestFailed) as caught:
            call.run(bad, lambda level, text: None)
    return caught.value
