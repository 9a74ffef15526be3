"""Which month a run is for, in every way of starting one, through a real scheduler.

Backfills are in ``test_backfill.py``, and ``dag.test`` is in ``tests/dags``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.samples import write_sample
from tests.scheduler.runs import airflow, ledger, log_of, months_loaded_by, task_state
from tests.waiting import eventually

if TYPE_CHECKING:
    from local.stack import Stack

DAG = "green_postgres"
NOW = datetime.now(UTC).isoformat()
MANUAL: dict[str, dict[str, Any]] = {
    "the form as it opens": {"logical_date": NOW, "conf": {"month": "2021-02", "force": True}},
    "the REST API without a logical date": {
        "logical_date": None,
        "conf": {"month": "2021-02", "force": True},
    },
    "a logical date on a month's first day": {
        "logical_date": "2020-08-01T00:00:00Z",
        "conf": {"month": "2021-02", "force": True},
    },
}


@pytest.mark.parametrize("body", MANUAL.values(), ids=MANUAL)
def test_a_manual_run_is_for_the_month_of_its_parameter(running_stack: Stack, body: dict[str, Any]) -> None:
    run = running_stack.api.post(f"dags/{DAG}/dagRuns", body)["dag_run_id"]
    assert running_stack.api.wait(DAG, run) == "success"
    assert months_loaded_by(running_stack, run) == [("green", "2021-02")]


@pytest.mark.parametrize(
    ("conf", "says"),
    [
        ({}, "The month is missing. Enter the month to load, for example 2021-01."),
        (
            {"month": "January 2021"},
            "'January 2021' is not a month. Write it as YYYY-MM, for example",
        ),
    ],
)
def test_the_form_refuses_a_missing_month_and_what_is_none_with_a_sentence(
    running_stack: Stack, conf: dict[str, Any], says: str
) -> None:
    from local.api import ApiFailed

    with pytest.raises(ApiFailed) as refused:
        running_stack.api.post(f"dags/{DAG}/dagRuns", {"logical_date": "2020-09-01T00:00:00Z", "conf": conf})
    assert refused.value.status == 400
    assert says in str(refused.value)
    assert "pattern" not in str(refused.value)


def test_the_command_line_starts_a_month_and_refuses_none(running_stack: Stack) -> None:
    conf = '{"month": "2021-03", "force": true}'
    assert airflow(running_stack, "dags", "trigger", DAG, "-r", "by_hand", "-c", conf).returncode == 0
    assert airflow(running_stack, "dags", "trigger", DAG, "-r", "no_month").returncode == 0
    assert running_stack.api.wait(DAG, "by_hand") == "success"
    assert months_loaded_by(running_stack, "by_hand") == [("green", "2021-03")]
    assert running_stack.api.wait(DAG, "no_month") == "failed"
    assert '{"month": "2021-01"}' in log_of(running_stack, DAG, "no_month", "wait_for_file")
    assert months_loaded_by(running_stack, "no_month") == []


def test_a_cleared_run_is_for_the_same_month_and_changes_nothing(running_stack: Stack) -> None:
    run = running_stack.api.trigger(DAG, {"month": "2021-01"})
    assert running_stack.api.wait(DAG, run) == "success"
    before = ledger(running_stack, "green", "2021-01")
    running_stack.api.post(f"dags/{DAG}/dagRuns/{run}/clear", {"dry_run": False})

    def tried_again() -> bool:
        """Every task has begun its second try."""
        return {task["try_number"] for task in running_stack.api.tasks(DAG, run)} == {2}

    eventually(tried_again)
    assert running_stack.api.wait(DAG, run) == "success"
    assert ledger(running_stack, "green", "2021-01") == before


def test_the_scheduled_run_waits_in_the_triggerer_for_its_month_and_goes_on_when_it_appears(
    running_stack: Stack,
) -> None:
    last_month = Month.of(datetime.now(UTC)).plus(-1)
    runs = eventually(
        lambda: [
            run
            for run in running_stack.api.get("dags/fhv_postgres/dagRuns", limit=100)["dag_runs"]
            if run["run_type"] == "scheduled"
        ]
    )
    assert [run["logical_date"][:10] for run in runs] == [str(last_month.first_day)]
    run_id = runs[0]["dag_run_id"]
    eventually(lambda: task_state(running_stack, "fhv_postgres", run_id, "wait_for_file") == "deferred")
    assert f"fhv {last_month} is not published yet" in log_of(
        running_stack, "fhv_postgres", run_id, "wait_for_file"
    )
    write_sample(MonthRange(last_month, last_month), 100, running_stack.state.samples, ("fhv",))
    assert running_stack.api.wait("fhv_postgres", run_id) == "success"
    assert months_loaded_by(running_stack, run_id) == [("fhv", str(last_month))]


def test_a_recheck_loads_a_republished_month_again_and_leaves_the_others(running_stack: Stack) -> None:
    samples = running_stack.state.samples
    for month in ("2020-01", "2020-02"):
        write_sample(MonthRange.parse(month), 100, samples, ("green",))
        run = running_stack.api.trigger(DAG, {"month": month})
        assert running_stack.api.wait(DAG, run) == "success"
    untouched = ledger(running_stack, "green", "2020-02")
    write_sample(MonthRange.parse("2020-01"), 120, samples, ("green",), edition=2)

    running_stack.api.unpause("recheck_postgres")
    recheck = running_stack.api.trigger("recheck_postgres")
    assert running_stack.api.wait("recheck_postgres", recheck) == "success"
    triggered = eventually(
        lambda: [
            run["dag_run_id"]
            for run in running_stack.api.get(f"dags/{DAG}/dagRuns", limit=100)["dag_runs"]
            if run["dag_run_id"].startswith("recheck__")
        ]
    )
    assert len(triggered) == 1
    assert running_stack.api.wait(DAG, triggered[0]) == "success"
    assert months_loaded_by(running_stack, triggered[0]) == [("green", "2020-01")]
    assert [row["outcome"] for row in ledger(running_stack, "green", "2020-01")] == ["replaced", "published"]
    assert ledger(running_stack, "green", "2020-01")[-1]["rows_loaded"] == 120
    assert ledger(running_stack, "green", "2020-02") == untouched
