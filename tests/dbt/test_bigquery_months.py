"""The marts on BigQuery's emulator: the same rows as on Postgres, month by month."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.dbt.bigquery_story import REAL, TABLES, Story, load_real, rows, sums, tell
from tests.dbt.months import ROWS, load
from tests.extent import LONG

if TYPE_CHECKING:
    from tests.dbt.bigquery_mart import BigQueryMart
    from tests.dbt.mart import Mart, Project

RECORD = """
select concat(dataset, ' ', format_date('%Y-%m', file_month)), attempt_id, trips
from {prefix}ops.built_months
"""


def load_last_versions(project: Project) -> None:
    """Load what the first warehouse holds after its second step, each month once."""
    for dataset, month, edition in (
        ("fhv", "2021-01", 1), ("green", "2021-01", 1),
        ("fhvhv", "2021-02", 1), ("green", "2021-02", 2), ("yellow", "2021-02", 1),
    ):  # fmt: skip
        load(project, dataset, month, edition)
    load_real(project)


@pytest.fixture(scope="module")
def story(bigquery_mart: BigQueryMart, dbt_program: str) -> Story:
    """All that happened to one warehouse."""
    return tell(bigquery_mart, dbt_program)


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
