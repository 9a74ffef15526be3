"""The marts on BigQuery's emulator: the same rows as on Postgres, month by month."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from local.dbt import PROJECT
from nyc_taxi import settings
from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.dbt.invocation import Command, DatasetMonth, Invocation
from nyc_taxi.errors import DataTestFailed
from nyc_taxi.hooks.dbt import dbt
from nyc_taxi.samples import write_sample
from tests.conftest import REAL_DATA
from tests.extent import LONG
from tests.trips import lines, text, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dbt.bigquery_mart import BigQueryMart
    from tests.dbt.mart import Mart, Project, Run

ROWS = 1_000
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

RECORD = """
select concat(dataset, ' ', format_date('%Y-%m', file_month)), attempt_id, trips
from {prefix}ops.built_months
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


def load(project: Project, dataset: str, month: str, edition: int = 1) -> None:
    """Load a month of samples, which have TLC's dirt."""
    folder = project.folder / str(edition)
    path, _ = write_sample(MonthRange.parse(month), ROWS, folder, [dataset], edition=edition)
    project.load(path, dataset, month)


def load_last_versions(project: Project) -> None:
    """Load what the first warehouse holds after its second step, each month once."""
    for dataset, month, edition in (
        ("fhv", "2021-01", 1), ("green", "2021-01", 1),
        ("fhvhv", "2021-02", 1), ("green", "2021-02", 2), ("yellow", "2021-02", 1),
    ):  # fmt: skip
        load(project, dataset, month, edition)
    load_real(project)


def load_real(project: Project) -> None:
    """Load the real month, where there is one."""
    if REAL_DATA.is_dir():
        project.load(REAL_DATA / "real" / f"green_tripdata_{REAL}.csv.gz", "green", REAL)


def without_totals(folder: Path) -> Path:
    """Write a green month whose rows are sound one by one, and of which no total is known."""
    header, *rows = lines(200)
    blank = [
        ",".join("" if place == 16 else value for place, value in enumerate(row.split(","))) for row in rows
    ]
    return write(folder / "bad", text([header, *blank]), "green_tripdata_2021-01.csv.gz")


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


@pytest.fixture(scope="module")
def story(bigquery_mart: BigQueryMart, dbt_program: str) -> Story:
    mart = bigquery_mart
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

    mart.load(without_totals(mart.folder), "green", "2021-01")
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


@pytest.fixture(scope="module")
def on_postgres(mart: Mart) -> Mart:
    """The months of the second step, loaded and built once, on Postgres."""
    load_last_versions(mart)
    run = mart.dbt("build", "--exclude-resource-type", "test", "unit_test")
    assert run.code == 0, run.said
    return mart


def test_a_run_leaves_none_of_its_months_stale(story: Story) -> None:
    assert story.first.run is not None
    assert story.first.run.code == 0, story.first.run.said
    assert [month for month in story.first.before if REAL not in month] == [
        "fhv 2021-01 (new)",
        "fhv 2021-02 (new)", "fhvhv 2021-02 (new)", "green 2021-02 (new)", "yellow 2021-02 (new)",
    ]  # fmt: skip
    assert story.first.stale == []


def test_a_month_that_is_replaced_is_replaced_whole_and_no_other_changes(story: Story) -> None:
    assert story.second.run is not None
    assert story.second.run.code == 0, story.second.run.said
    assert story.second.before == [
        "green 2021-01 (new)",
        "fhv 2021-02 (unloaded)",
        "green 2021-02 (replaced)",
    ]
    first, second = story.first.months, story.second.months
    count, oldest, newest, *_ = second["green 2021-02"]
    assert oldest == newest > first["green 2021-02"][2]
    assert count == 999
    unchanged = first.keys() - {"green 2021-02", "fhv 2021-02"}
    assert {month: second[month] for month in unchanged} == {month: first[month] for month in unchanged}
    assert story.second.stale == []


def test_a_month_that_comes_late_appears(story: Story) -> None:
    assert "green 2021-01" not in story.first.months
    assert story.second.months["green 2021-01"][0] == 999


def test_a_month_that_was_unloaded_disappears(story: Story) -> None:
    assert story.first.months["fhv 2021-02"][0] == ROWS
    assert "fhv 2021-02" not in story.second.months


def test_the_record_names_the_attempts_whose_trips_the_marts_hold(story: Story) -> None:
    recorded = {month: (trips, attempt) for month, attempt, trips in story.mart.all(RECORD)}
    assert recorded == {month: trips[:2] for month, trips in story.second.months.items()}


def test_every_table_has_the_rows_that_it_has_on_postgres(story: Story, on_postgres: Mart) -> None:
    expected = rows(on_postgres)
    assert story.rows.keys() == expected.keys() == set(TABLES)
    for table, found in story.rows.items():
        assert found, table
        assert found == expected[table], table


@pytest.mark.usefixtures("real_data")
def test_a_real_month_adds_up_to_what_it_does_on_postgres(story: Story, on_postgres: Mart) -> None:
    expected = sums(on_postgres)
    assert story.sums == expected
    assert {row[:2] for row in story.sums["marts.fct_trips"]} >= {(f"{REAL}-01", "35612.000000")}


def test_a_bad_month_never_reaches_a_mart_and_what_was_there_stays(story: Story) -> None:
    assert story.bad.before == story.bad.stale == ["green 2021-01 (replaced)"]
    costs, totals = story.failure.findings
    assert costs.startswith(
        "green 2021-01, most_trips_cost_something (error): 200 of 200 trips cost nothing. Allowed: at most"
    )
    assert totals.startswith(
        "green 2021-01, nearly_all_trips_have_a_total (error): 200 of 200 trips have no total. Allowed: at"
    )
    assert story.bad.months == story.second.months


def test_results_of_checks_are_recorded_once_and_stay_when_a_month_is_measured_again(story: Story) -> None:
    built = {"green 2021-01", "green 2021-02", "yellow 2021-02", "fhvhv 2021-02"}
    new, again = story.recorded
    assert new >= 19
    assert (again, story.forgotten) == (0, 1)
    assert built <= story.results.keys()
    assert story.results["green 2021-01"][0] == 2
    assert story.results["green 2021-01"][2] == 2


def test_tables_of_trips_are_partitioned_by_file_month_and_sorted_by_pickup(story: Story) -> None:
    place = story.mart.place
    for table in TABLES[:8]:
        found = place.bigquery().get_table(f"{place.project}.{place.prefix}{table}")
        assert (found.time_partitioning.type_, found.time_partitioning.field) == ("MONTH", "file_month"), (
            table
        )
        if "_trips" in table:
            assert found.clustering_fields[-1] == "pickup_datetime"
            assert found.description


def test_a_month_is_written_by_one_merge_that_is_restricted_to_it(story: Story) -> None:
    """Of the last run, which computed one month in a working table that no other run shares."""
    ran = story.mart.folder / "task" / "run" / "nyc_taxi" / "models" / "intermediate" / "int_trips.sql"
    statement = " ".join(ran.read_text().split())
    assert statement.count("merge into") == 1
    deleted = statement.partition("when not matched by source")[2].partition("then delete")[0]
    assert "in ( date '2021-01-01' )" in deleted
    assert (
        "DBT_INTERNAL_DEST.dataset = 'green' and DBT_INTERNAL_DEST.file_month in (date '2021-01-01')"
        in deleted
    )
    assert re.search(r"`int_trips__[0-9a-f]{8}__dbt_tmp`", statement)
    assert "$" not in statement


def test_no_table_is_external_and_no_working_table_is_left(story: Story) -> None:
    client = story.mart.place.bigquery()
    for dataset in story.mart.place.datasets:
        for table in client.list_tables(dataset):
            assert table.table_type in {"TABLE", "VIEW"}
            assert "$" not in table.table_id
            assert "__dbt_tmp" not in table.table_id


def test_a_job_has_its_model_as_a_label(story: Story) -> None:
    jobs = story.mart.place.bigquery().list_jobs(max_results=200)
    assert "model_nyc_taxi_int_trips" in {job.labels.get("node_id") for job in jobs}


@pytest.mark.skipif(not LONG, reason="19 tests of a minute or more in all: make test-long")
def test_every_unit_test_passes_on_bigquery(story: Story) -> None:
    run = story.mart.dbt("test", "--select", "test_type:unit")
    assert run.code == 0, run.said
    assert len(run.statuses("pass")) >= 19
