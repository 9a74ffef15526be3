"""Months come in any order, come again, go bad and go away; the marts follow, month by month."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest

from local.dbt_diff import differences, skipped
from local.environment import CHECKOUT
from tests.dbt.mart import QUALITY
from tests.dbt.months import load
from tests.dbt.story import Story, tell
from tests.extent import extent

if TYPE_CHECKING:
    from tests.dbt.mart import Mart

RECORD = "select dataset || ' ' || to_char(file_month, 'YYYY-MM'), attempt_id, trips from ops.built_months"

COUNTED = """
select dataset || ' ' || to_char(file_month, 'YYYY-MM'), attempt_id, count(*)
from (
    select dataset, file_month, attempt_id from marts.fct_trips
    union all
    select dataset, file_month, attempt_id from marts.fct_fhv_trips
    union all
    select dataset, file_month, attempt_id from marts.fct_fhvhv_trips
) as trips
group by 1, 2
"""


FOUND = "select file_month::text, check_name, message from intermediate.int_quality where dataset = 'green'"

SUCH = {
    "most_trips_cost_something": "coalesce(total_amount, 0) <= 0",
    "most_trips_end_after_they_began": "lpep_dropoff_datetime < lpep_pickup_datetime",
    "no_total_is_absurd": "total_amount not between -10000 and 10000",
    "all_trips_have_a_pickup": "lpep_pickup_datetime is null",
    "nearly_all_trips_have_a_total": "total_amount is null",
    "few_trips_are_of_other_months": (
        "lpep_pickup_datetime < file_month or lpep_pickup_datetime >= file_month + interval '1 month'"
    ),
    "no_trip_is_in_the_future": "lpep_pickup_datetime >= file_month + interval '2 months'",
    "few_rows_are_copies": "copies > 1",
    "dropoff_zones_are_known": "dolocationid not between 1 and 265",
    "payment_types_are_known": "payment_type not between 0 and 6",
    "pickup_zones_are_known": "pulocationid not between 1 and 265",
    "rate_codes_are_known": "ratecodeid not between 1 and 6 and ratecodeid <> 99",
    "trip_types_are_known": "trip_type not between 1 and 2",
    "vendors_are_known": "vendorid not between 1 and 7",
}
"""Checks of green trips, and what a row of the raw table is like that they are about."""

COUNT = """
select file_month::text, count(*) filter (where {such}) || ' of ' || count(*) || ' trips '
from (
    select trip.*, count(*) over same as copies, row_number() over same as copy
    from raw.green_tripdata as trip
    cross join lateral (select to_jsonb(trip) - '{{filename,row_number}}'::text[]) as of_trip (content)
    window same as (partition by file_month, content)
) as trips
where copy = 1
group by file_month
"""


@pytest.fixture(scope="module")
def story(mart: Mart) -> Story:
    """All that happened to one warehouse."""
    return tell(mart)


def test_a_run_leaves_none_of_its_months_stale(story: Story) -> None:
    assert story.february.before == [
        "fhv 2021-02 (new)", "fhvhv 2021-02 (new)", "green 2021-02 (new)", "yellow 2021-02 (new)",
    ]  # fmt: skip
    assert story.february.run.code == 0, story.february.run.said
    assert story.february.stale == []


def test_the_record_names_the_attempts_whose_trips_the_marts_hold(story: Story) -> None:
    assert sorted(story.mart.all(RECORD)) == sorted(story.mart.all(COUNTED))


def test_a_month_that_comes_late_appears(story: Story) -> None:
    assert story.february.months == {"green 2021-02": 999, "yellow 2021-02": 999}
    assert story.late_january.before == ["green 2021-01 (new)"]
    assert story.late_january.run.code == 0, story.late_january.run.said
    assert story.late_january.months == {"green 2021-01": 999, "green 2021-02": 999, "yellow 2021-02": 999}


def test_a_trip_of_2098_is_told_and_blocks_nothing(story: Story) -> None:
    assert "no_trip_is_in_the_future" in story.february.run.said
    assert story.february.run.code == story.late_january.run.code == story.march.run.code == 0
    assert story.february.future == {"2098-07"}


def test_what_the_checks_count_is_what_is_in_the_files(story: Story) -> None:
    found = {(month, check): message for month, check, message in story.mart.all(FOUND)}
    for check, such in SUCH.items():
        for month, counted in story.mart.all(COUNT.format(such=such)):
            assert found[month, check].startswith(counted), (month, check)
    assert {check for _, check in found} >= SUCH.keys()


def test_every_check_that_warns_is_in_the_log_of_the_run_and_every_check_in_the_docs(story: Story) -> None:
    results = story.february.results
    checks = {check for outcomes in results.values() for check in outcomes}
    assert len(checks) == 19
    page = (CHECKOUT / "docs" / "quality.md").read_text()
    assert [check for check in checks if f"`{check}`" not in page] == []
    warned = {
        f"{month}, {check}"
        for (month, _), outcomes in results.items()
        for check, outcome in outcomes.items()
        if outcome == "warn"
    }
    assert "green 2021-02, no_trip_is_in_the_future" in warned
    assert set(re.findall(r"(\w+ \d{4}-\d\d, \w+) \(warn\):", story.february.run.said)) == warned
    assert story.february.run.statuses("warn") >= {"no_check_warns"}
    ((dimensions,),) = story.mart.all(
        "select count(distinct dimension) from ops.quality_result where measured_by = 'dbt'"
    )
    assert dimensions == 6


def test_results_are_of_the_attempt_that_was_measured_and_stay_when_it_is_replaced(story: Story) -> None:
    built = {(month, attempt) for month, attempt, _ in story.mart.all(RECORD)}
    assert story.february.results.keys() | built <= story.without_february.results.keys()
    assert len(story.february.results) == 4


def test_a_bad_month_has_its_failing_checks_among_the_results(story: Story) -> None:
    before, after = story.february_again.results, story.bad_january.results
    ((month, _),) = after.keys() - before.keys()
    assert month == "green 2021-01"
    assert {
        (month, check)
        for (month, _), outcomes in after.items()
        for check, outcome in outcomes.items()
        if outcome == "error"
    } == {
        ("fhv 2021-02", "trip_count_matches_the_ledger"),
        ("green 2021-01", "most_trips_cost_something"),
        ("green 2021-01", "nearly_all_trips_have_a_total"),
    }
    others = [key for key in before if key[0] != "fhv 2021-02"]
    assert {key: after[key] for key in others} == {key: before[key] for key in others}


def test_a_run_reads_and_writes_the_months_that_it_was_told_only(story: Story) -> None:
    assert story.late_january.read == {"green_tripdata_2021_01"}
    assert story.late_january.written["2021-02"] == story.february.written["2021-02"]


def test_a_republished_month_changes_only_itself(story: Story) -> None:
    before, after = story.late_january, story.february_again
    assert after.before == ["green 2021-02 (replaced)"]
    assert after.run.code == 0, after.run.said
    assert after.content["marts.fct_trips"]["2021-01"] == before.content["marts.fct_trips"]["2021-01"]
    assert after.content["marts.fct_trips"]["2021-02"] != before.content["marts.fct_trips"]["2021-02"]
    assert after.content["marts.fct_fhv_trips"] == before.content["marts.fct_fhv_trips"]
    assert after.content[QUALITY]["2021-01"] == before.content[QUALITY]["2021-01"]
    assert after.content[QUALITY]["2021-02"] != before.content[QUALITY]["2021-02"]
    assert after.written["2021-01"] == before.written["2021-01"]
    assert after.stale == []


def test_two_runs_at_once_do_not_double_a_month(story: Story) -> None:
    assert story.february_again.months["green 2021-02"] == 999


def test_a_bad_month_never_reaches_a_mart_and_what_was_there_stays(story: Story) -> None:
    bad = story.bad_january
    assert bad.run.code == 1
    assert bad.run.statuses("fail") == {"no_check_finds_an_error"}
    said = " ".join(bad.run.said.split())
    for found in (
        "fhv 2021-02, trip_count_matches_the_ledger (error): 1,000 of 1,000 trips are missing or surplus",
        "green 2021-01, most_trips_cost_something (error): 950 of 950 trips cost nothing.",
        "green 2021-01, nearly_all_trips_have_a_total (error): 950 of 950 trips have no total. Allowed: at",
    ):
        assert found in said
    assert {"fct_trips", "fct_monthly_zone_revenue", "built_months"} <= bad.run.statuses("skipped")
    assert bad.marts() == story.february_again.marts()
    assert bad.stale == ["green 2021-01 (replaced)"]
    assert bad.read == {"green_tripdata_2021_01"}  # that of fhv is empty


def test_a_month_that_somebody_emptied_stays_in_the_marts(story: Story) -> None:
    trips = [step.content["marts.fct_fhv_trips"] for step in (story.february, story.bad_january)]
    assert trips[0] == trips[1] != {}


def test_a_bad_green_month_keeps_neither_another_month_nor_the_same_month_of_yellow_out(
    story: Story,
) -> None:
    assert story.march.before == [
        "green 2021-01 (replaced)", "yellow 2021-01 (new)", "green 2021-03 (new)",
    ]  # fmt: skip
    assert story.march.run.code == 0, story.march.run.said
    assert story.march.months["green 2021-03"] == story.march.months["yellow 2021-01"] == 999
    assert story.march.stale == ["green 2021-01 (replaced)"]


def test_a_month_that_was_unloaded_disappears(story: Story) -> None:
    last = story.without_february
    assert last.before == ["green 2021-01 (replaced)", "fhv 2021-02 (unloaded)", "green 2021-02 (unloaded)"]
    assert last.run.code == 0, last.run.said
    assert last.months == {
        "green 2021-01": 999, "yellow 2021-01": 999, "yellow 2021-02": 999, "green 2021-03": 999,
    }  # fmt: skip
    assert last.content["marts.fct_fhv_trips"] == {}
    assert story.mart.months(QUALITY).keys() == last.months.keys() | {"fhvhv 2021-02"}
    assert last.stale == []


def test_what_was_built_in_steps_is_what_a_full_refresh_builds(story: Story) -> None:
    assert story.mart.content("dev") == story.without_february.content
    assert (differences(story.mart.connection), skipped(story.mart.connection)) == ([], [])


def test_what_a_change_changes_is_shown_by_month_and_figure(story: Story) -> None:
    connection = story.mart.connection
    with connection.transaction(force_rollback=True):
        connection.execute(
            "update dev_marts.fct_trips set total_amount = total_amount + 1 "
            "where trip_id in (select min(trip_id) from dev_marts.fct_trips where file_month = '2021-03-01')"
        )
        connection.execute(
            "delete from marts.fct_trips where file_month = '2021-01-01' and dataset = 'green'"
        )
        connection.execute("alter table dev_marts.fct_trips add column surplus integer")
        connection.execute("delete from dev_ops.built_months where dataset = 'yellow'")
        found = differences(connection)
        assert skipped(connection) == ["yellow 2021-01", "yellow 2021-02"]
    assert [(one.model, one.month, one.figure) for one in found] == [
        ("marts.fct_trips", "", "column surplus only in dev"),
        ("marts.fct_trips", "green 2021-01", "rows"),
        ("marts.fct_trips", "green 2021-03", "total_amount"),
    ]
    assert found[1].prod is None
    assert (found[2].dev or 0) - (found[2].prod or 0) == 1


def test_other_zones_make_every_month_stale(story: Story) -> None:
    with story.mart.connection.transaction(force_rollback=True):
        story.mart.connection.execute("update raw.taxi_zone_lookup set zone = 'Moon' where locationid = 265")
        reasons = story.mart.all("select dataset, reason from ops.stale_months order by file_month")
    assert len(reasons) == 5
    assert {reason for _, reason in reasons} == {"other zones"}


@pytest.mark.parametrize("seed", range(extent(1, 5)))
def test_months_in_any_order_end_as_a_full_refresh_does(mart: Mart, seed: int) -> None:
    chance = random.Random(seed)
    events = [
        ("load", dataset, month)
        for dataset in ("green", "yellow", "fhv")
        for month in ("2021-04", "2021-05", "2021-06")
    ]
    events.append(("load", "fhvhv", "2021-09"))
    events += [(chance.choice(("again", "unload")), *event[1:]) for event in chance.sample(events, 4)]
    chance.shuffle(events)
    for number, (what, dataset, month) in enumerate(events, 1):
        if what == "unload":
            mart.unload(dataset, month)
        else:
            load(mart, dataset, month, edition=chance.randint(1, 4))
        if number % 7 == 0 or number == len(events):
            mart.built(*(one.partition(" (")[0] for one in mart.stale()))
            assert mart.stale() == []
    mart.built(target="dev")
    assert mart.content("dev") == mart.content(), f"seed {seed}: {events}"


@pytest.mark.parametrize(
    ("months", "said"),
    [
        (
            ["2021-01') or (true"],
            "is not a month. Write it as YYYY-MM, for example 2021-01, or green 2021-01 for one",
        ),
        ([], "Pass a list of months, as in --vars '{months: [2021-01]}'"),
    ][: extent(1, 2)],
)
def test_what_is_no_month_is_refused(mart: Mart, months: list[str], said: str) -> None:
    run = mart.dbt("parse", months=months)
    assert run.code != 0
    assert said in " ".join(run.said.split())
