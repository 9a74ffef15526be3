"""``airflow dags backfill`` against a real Airflow database, in which no scheduler runs anything."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from airflow.models.backfill import Backfill
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from nyc_taxi.cli import backfill
from tests.cli.backfills import finish, months, run, runs

pytestmark = pytest.mark.usefixtures("dags")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-s 2021-01 -e 2021-03", ["2021-01", "2021-02", "2021-03"]),
        ("-s 2021-01-01 -e 2021-03-01", ["2021-01", "2021-02", "2021-03"]),
        ("-s 2021-01-31 -e 2021-03-31", ["2021-01", "2021-02", "2021-03"]),
        ("--start-date 2021-01-15T12:00:00+00:00 --end-date 2021-02-28T23:59:59", ["2021-01", "2021-02"]),
        ("-s 2021-02", ["2021-02"]),
        ("-e 2021-02-28", ["2021-02"]),
        ("-s 2020-12 -e 2021-01", ["2020-12", "2021-01"]),
    ],
)
def test_makes_exactly_the_runs_of_the_months_both_ends_included(options: str, expected: list[str]) -> None:
    assert run(f"green {options} --no-wait") == 0
    assert runs() == [(f"{month}-01T00:00", "backfill", "queued") for month in expected]


def test_run_backwards_orders_the_last_month_first() -> None:
    assert run("green -s 2021-01 -e 2021-03 -B --no-wait") == 0
    with create_session() as session:
        backfill = session.scalars(select(Backfill)).one()
        ordered = sorted(
            backfill.backfill_dag_run_associations, key=lambda association: association.sort_ordinal
        )
        assert [f"{association.logical_date:%m}" for association in ordered] == ["03", "02", "01"]


def test_conf_and_max_active_runs_reach_airflow() -> None:
    assert run('green -s 2021-01 -c {"force":true} --max-active-runs 2 --no-wait') == 0
    with create_session() as session:
        assert session.scalars(select(DagRun.conf)).all() == [{"force": True}]
        assert session.scalars(select(Backfill.max_active_runs)).all() == [2]


def test_a_conf_that_the_dags_params_refuse_creates_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run('green -s 2021-01 -c {"force":"often"} --no-wait') == 1
    assert "force" in capsys.readouterr().err
    assert runs() == []


def test_a_dry_run_lists_the_months_and_creates_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run("green -s 2021-02 --no-wait")
    finish("success")
    capsys.readouterr()
    assert run("green -s 2021-01 -e 2021-03 --dry-run") == 0
    rows = [
        [cell.strip() for cell in line.split("|")]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("2021")
    ]
    assert rows == [
        ["2021-01", "2021-01-01T00:00:00+00:00", "none", "run"],
        ["2021-02", "2021-02-01T00:00:00+00:00", "success", "be left out"],
        ["2021-03", "2021-03-01T00:00:00+00:00", "none", "run"],
    ]
    assert months() == ["2021-02"]


def test_a_paused_dag_is_named_and_nothing_is_created(capsys: pytest.CaptureFixture[str]) -> None:
    with create_session() as session:
        session.execute(update(DagModel).values(is_paused=True))
    assert run("green -s 2021-01 --no-wait") == 1
    said = capsys.readouterr().err
    assert "The DAG green is paused" in said
    assert "--unpause" in said
    assert runs() == []


def test_unpause_unpauses_that_dag_alone_and_goes_on() -> None:
    with create_session() as session:
        session.execute(update(DagModel).values(is_paused=True))
    assert run("green -s 2021-01 --no-wait --unpause") == 0
    assert months() == ["2021-01"]
    with create_session() as session:
        assert session.scalars(select(DagModel.dag_id).where(~DagModel.is_paused)).all() == ["green"]


def test_unpause_is_not_done_when_the_backfill_is_refused() -> None:
    run("green -s 2021-01 --no-wait")
    with create_session() as session:
        session.execute(update(DagModel).values(is_paused=True))
    assert run("green -s 2021-02 --no-wait --unpause") == 1
    with create_session() as session:
        assert session.scalars(select(DagModel.dag_id).where(~DagModel.is_paused)).all() == []


@pytest.mark.parametrize(
    ("dag_id", "schedule"),
    [
        ("at_nine", "0 9 1 * *"),
        ("in_new_york", "0 0 1 * *"),
        ("quarterly", "0 0 1 */3 *"),
        ("january_only", "0 0 1 1,2 *"),
        ("hourly", "0 * * * *"),
        ("partitioned", "0 0 1 * *"),
    ],
)
def test_a_dag_whose_runs_are_not_calendar_months_is_refused(
    dag_id: str, schedule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"{dag_id} -s 2021-01 -e 2021-03 --no-wait") == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"The DAG {dag_id} is not monthly: its schedule is {schedule}" in said
    assert runs(dag_id) == []


def test_a_dag_without_a_schedule_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("unscheduled -s 2021-01") == 1
    assert "airflow dags trigger unscheduled" in capsys.readouterr().err


def test_an_unknown_dag_is_answered_with_the_monthly_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("grene -s 2021-01") == 1
    said = capsys.readouterr().err
    assert said.startswith("There is no DAG grene. Monthly DAGs are: ")
    assert {"green", "yellow"} <= set(said.rpartition(": ")[2].rstrip(".\n").split(", "))
    assert "hourly" not in said


def test_a_month_that_has_not_ended_is_said_to_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    assert run(f"green -s 2021-01 -e {now:%Y-%m} --dry-run") == 0
    assert f"Left out: {now:%Y-%m}, not ended yet." in capsys.readouterr().err
    assert run(f"green -s {now:%Y-%m} --no-wait") == 1
    assert "has not ended" in capsys.readouterr().err
    assert runs() == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [("green", "Which months?"), ("green -s 2021-03 -e 2021-01", "The last month, 2021-01, is before")],
)
def test_no_months_are_a_usage_error(line: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line) == 2
    assert sentence in capsys.readouterr().err


def test_existing_months_are_left_out() -> None:
    run("green -s 2021-02 --no-wait")
    finish("success")
    assert run("green -s 2021-01 -e 2021-03 --no-wait") == 0
    assert [state for _, _, state in runs()] == ["queued", "success", "queued"]


def test_nothing_to_do_says_how_to_run_the_months_again(capsys: pytest.CaptureFixture[str]) -> None:
    run("green -s 2021-01 -e 2021-03 --no-wait")
    finish("success")
    capsys.readouterr()
    assert run("green -s 2021-01 -e 2021-03") == 0
    said = capsys.readouterr().out
    assert "Nothing to do: green has run for 2021-01..2021-03." in said
    assert "--reset-dagruns" in said
    with create_session() as session:
        assert len(session.scalars(select(Backfill)).all()) == 1


def test_nothing_to_do_is_a_failure_while_a_month_has_failed(capsys: pytest.CaptureFixture[str]) -> None:
    run("green -s 2021-01 -e 2021-02 --no-wait")
    finish({"2021-01": "success", "2021-02": "failed"})
    assert run("green -s 2021-01 -e 2021-02") == 1
    said = capsys.readouterr().err
    assert "2021-02 (work failed in the run backfill__" in said
    assert "--rerun-failed-tasks" in said


def test_reset_dagruns_runs_finished_months_again_and_forgets_their_conf() -> None:
    run('green -s 2021-01 -e 2021-02 -c {"force":true} --no-wait')
    finish({"2021-01": "success", "2021-02": "failed"})
    assert run("green -s 2021-01 -e 2021-02 --reset-dagruns -y --no-wait") == 0
    assert [state for _, _, state in runs()] == ["queued", "queued"]
    with create_session() as session:
        assert session.scalars(select(DagRun.conf)).all() == [{}, {}]


def test_rerun_failed_tasks_runs_only_failed_months_again() -> None:
    run("green -s 2021-01 -e 2021-02 --no-wait")
    finish({"2021-01": "success", "2021-02": "failed"})
    assert run("green -s 2021-01 -e 2021-02 --rerun-failed-tasks --no-wait") == 0
    assert [state for _, _, state in runs()] == ["success", "queued"]


class _Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stdin", "status", "state"),
    [(_Terminal("n\n"), 1, "success"), (_Terminal("y\n"), 0, "queued"), (StringIO("y\n"), 1, "success")],
)
def test_reset_dagruns_asks_on_a_terminal_and_needs_a_yes_elsewhere(
    stdin: StringIO, status: int, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("green -s 2021-01 --no-wait")
    finish("success")
    monkeypatch.setattr("sys.stdin", stdin)
    assert run("green -s 2021-01 --reset-dagruns --no-wait") == status
    assert [found for _, _, found in runs()] == [state]


@pytest.mark.parametrize("options", ['-c {"force":true}', "--reset-dagruns -y"])
def test_months_under_way_are_not_taken_for_a_run_of_what_was_asked(
    options: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run("green -s 2021-01 --no-wait")
    assert run(f"green -s 2021-01 {options}") == 1
    assert "2021-01 of green is running in backfill" in capsys.readouterr().err


def test_a_running_backfill_of_the_dag_is_named_and_nothing_is_created(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("green -s 2021-01 --no-wait")
    with create_session() as session:
        number = session.scalars(select(Backfill.id)).one()
    assert run("green -s 2021-01 -e 2021-02") == 1
    assert f"Backfill {number} of green is still running, with 1 run" in capsys.readouterr().err
    assert months() == ["2021-01"]


def test_a_database_that_is_lost_while_runs_are_created_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lost(**_: object) -> None:
        raise OperationalError("insert", {}, Exception("server closed the connection"))

    monkeypatch.setattr(backfill, "_create_backfill", lost)
    assert run("green -s 2021-01") == 1
    said = capsys.readouterr().err
    assert "was lost while the backfill of green was created (server closed the connection)" in said
    assert said.count("\n") == 1


def test_an_unusable_metadata_database_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow import settings
    from sqlalchemy import create_engine
    from sqlalchemy.orm import sessionmaker

    empty: Any = sessionmaker(create_engine("sqlite://"))
    with monkeypatch.context() as patch:
        patch.setattr(settings, "Session", empty)
        assert run("green -s 2021-01") == 1
    said = capsys.readouterr().err
    assert "Airflow's metadata database cannot be used (no such table" in said
    assert "airflow db migrate" in said
