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


def pause() -> None:
    with create_session() as session:
        session.execute(update(DagModel).values(is_paused=True))


def running() -> list[str]:
    """Return the DAGs that are not paused."""
    with create_session() as session:
        return list(session.scalars(select(DagModel.dag_id).where(~DagModel.is_paused)))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-s 2021-01-31 -e 2021-03-31", ["2021-01", "2021-02", "2021-03"]),
        ("-s 2020-12 -e 2021-01", ["2020-12", "2021-01"]),
        ("--start-date 2021-01-15T12:00:00+00:00 --end-date 2021-02-28T23:59:59", ["2021-01", "2021-02"]),
        ("-s 2021-02", ["2021-02"]),
        ("-e 2021-02-28", ["2021-02"]),
    ],
)
def test_makes_exactly_the_runs_of_the_months_both_ends_included(options: str, expected: list[str]) -> None:
    assert run(f"green {options} --no-wait") == 0
    assert runs() == [(f"{month}-01T00:00", "backfill", "queued") for month in expected]


def test_options_reach_airflow() -> None:
    line = 'green -s 2021-01 -e 2021-03 -B -c {"force":true} --max-active-runs 2 --no-wait'
    assert run(line) == 0
    with create_session() as session:
        assert session.scalars(select(DagRun.conf).distinct()).all() == [{"force": True}]
        backfill = session.scalars(select(Backfill)).one()
        assert backfill.max_active_runs == 2
        ordered = sorted(backfill.backfill_dag_run_associations, key=lambda one: one.sort_ordinal)
        assert [f"{association.logical_date:%m}" for association in ordered] == ["03", "02", "01"]


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
        ["2021-02", "2021-02-01T00:00:00+00:00", "success", "skip"],
        ["2021-03", "2021-03-01T00:00:00+00:00", "none", "run"],
    ]
    assert months() == ["2021-02"]


def test_a_paused_dag_is_refused_unless_it_may_be_unpaused(capsys: pytest.CaptureFixture[str]) -> None:
    pause()
    assert run("green -s 2021-01 --no-wait") == 1
    assert "The DAG green is paused" in capsys.readouterr().err
    assert runs() == []
    assert run("green -s 2021-01 --no-wait --unpause") == 0
    assert months() == ["2021-01"]
    assert running() == ["green"]


def test_a_refused_backfill_unpauses_nothing() -> None:
    run("green -s 2021-01 --no-wait")
    pause()
    assert run("green -s 2021-02 --no-wait --unpause") == 1
    assert running() == []


@pytest.mark.parametrize("dag_id", ["in_new_york", "january_only", "hourly", "partitioned", "unscheduled"])
def test_a_dag_whose_runs_are_not_calendar_months_is_refused(
    dag_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"{dag_id} -s 2021-01 -e 2021-03 --no-wait") == 1
    said = capsys.readouterr().err
    assert said.startswith(f"The DAG {dag_id} does not run once per calendar month in UTC")
    assert said.count("\n") == 1
    assert runs(dag_id) == []


def test_an_unknown_dag_is_answered_with_the_monthly_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("grene -s 2021-01") == 1
    said = capsys.readouterr().err
    assert said.startswith("Airflow has no DAG grene. Monthly DAGs: ")
    assert {"green", "yellow"} <= set(said.rpartition(": ")[2].rstrip(".\n").split(", "))
    assert "hourly" not in said


def test_a_month_that_is_not_over_is_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    assert run(f"green -s 2021-01 -e {now:%Y-%m} --dry-run") == 0
    assert f"Skipped {now:%Y-%m}: not over yet." in capsys.readouterr().err
    assert run(f"green -s {now:%Y-%m} --no-wait") == 1
    assert runs() == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [("green", "Name the months"), ("green -s 2021-03 -e 2021-01", "The last month, 2021-01, is before")],
)
def test_no_months_are_a_usage_error(line: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line) == 2
    assert sentence in capsys.readouterr().err


def test_months_that_ran_are_skipped_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    run("green -s 2021-02 -e 2021-03 --no-wait")
    finish({"2021-02": "success", "2021-03": "failed"})
    capsys.readouterr()
    assert run("green -s 2021-01 -e 2021-04 --no-wait") == 0
    assert [state for _, _, state in runs()] == ["queued", "success", "failed", "queued"]
    said = capsys.readouterr()
    assert said.out.endswith(" of green runs 2021-01, 2021-04.\n")
    assert said.err.splitlines() == [
        "Skipped 2021-02: already succeeded; --reset-dagruns would run it again.",
        "Skipped 2021-03: already failed; --rerun-failed-tasks would run it again.",
    ]


@pytest.mark.parametrize(("state", "status"), [("success", 0), ("failed", 1)])
def test_the_status_is_that_of_the_months_also_when_nothing_starts(state: str, status: int) -> None:
    run("green -s 2021-01 -e 2021-02 --no-wait")
    finish({"2021-01": "success", "2021-02": state})
    assert run("green -s 2021-01 -e 2021-02") == status
    with create_session() as session:
        assert len(session.scalars(select(Backfill)).all()) == 1


@pytest.mark.parametrize(
    ("options", "states"),
    [("--reset-dagruns -y", ["queued", "queued"]), ("--rerun-failed-tasks", ["success", "queued"])],
)
def test_finished_months_run_again_when_asked_and_forget_their_conf(options: str, states: list[str]) -> None:
    run('green -s 2021-01 -e 2021-02 -c {"force":true} --no-wait')
    finish({"2021-01": "success", "2021-02": "failed"})
    assert run(f"green -s 2021-01 -e 2021-02 {options} --no-wait") == 0
    assert [state for _, _, state in runs()] == states
    with create_session() as session:
        confs = dict(session.execute(select(DagRun.state, DagRun.conf)).tuples().all())
    assert confs["queued"] == {}


@pytest.mark.parametrize(
    ("stdin", "status", "state"), [("n\n", 1, "success"), ("y\n", 0, "queued"), ("", 1, "success")]
)
def test_reset_dagruns_asks_first(
    stdin: str, status: int, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("green -s 2021-01 --no-wait")
    finish("success")
    monkeypatch.setattr("sys.stdin", StringIO(stdin))
    assert run("green -s 2021-01 --reset-dagruns --no-wait") == status
    assert [found for _, _, found in runs()] == [state]


@pytest.mark.parametrize("options", ['-c {"force":true}', "--reset-dagruns -y"])
def test_a_running_month_is_not_taken_for_the_run_that_was_asked_for(
    options: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run("green -s 2021-01 --no-wait")
    assert run(f"green -s 2021-01 -e 2021-02 {options}") == 1
    assert "2021-01 of green is still running" in capsys.readouterr().err
    assert months() == ["2021-01"]


def test_a_running_backfill_of_the_dag_is_named_and_nothing_is_created(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("green -s 2021-01 --no-wait")
    with create_session() as session:
        number = session.scalars(select(Backfill.id)).one()
    assert run("green -s 2021-01 -e 2021-02") == 1
    assert f"Backfill {number} of green is still running" in capsys.readouterr().err
    assert months() == ["2021-01"]


def test_a_metadata_database_that_is_lost_or_empty_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow import settings
    from sqlalchemy import create_engine
    from sqlalchemy.orm import sessionmaker

    def lost(**_: object) -> None:
        raise OperationalError("insert", {}, Exception("server closed the connection"))

    with monkeypatch.context() as patch:
        patch.setattr(backfill, "_create_backfill", lost)
        assert run("green -s 2021-01") == 1
    empty: Any = sessionmaker(create_engine("sqlite://"))
    with monkeypatch.context() as patch:
        patch.setattr(settings, "Session", empty)
        assert run("green -s 2021-01") == 1
    first, second = capsys.readouterr().err.splitlines()
    assert "cannot be used (server closed the connection)" in first
    assert "cannot be used (no such table" in second
    assert "airflow db migrate" in second
