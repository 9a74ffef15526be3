"""``airflow dags backfill`` while it waits for its months; no scheduler runs anything."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from nyc_taxi.cli import backfill, backfill_watch
from tests.cli.backfills import finish, months, run, runs

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("dags")


@pytest.fixture
def while_waiting(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what happens at each look of a command that waits; it may not look once more than that."""

    def plan(*acts: Callable[[], object]) -> None:
        left = list(acts)

        def sleep(_: float) -> None:
            left.pop(0)()

        clock = SimpleNamespace(sleep=sleep, monotonic=time.monotonic)
        for module in (backfill, backfill_watch):
            monkeypatch.setattr(module, "time", clock)

    return plan


def test_waits_until_every_month_has_succeeded(
    while_waiting: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    while_waiting(lambda: None, lambda: finish("success"))
    assert run("green -s 2021-01 -e 2021-03") == 0
    said = capsys.readouterr()
    assert "green has succeeded for 2021-01..2021-03" in said.out
    assert "green: 0 of 3, 3 queued\n" in said.err
    assert "green: 3 of 3, 3 succeeded\n" in said.err


def test_names_the_months_that_failed_and_their_tasks(
    while_waiting: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    while_waiting(lambda: finish({"2021-01": "failed", "2021-02": "success"}))
    assert run("green -s 2021-01 -e 2021-02") == 1
    said = capsys.readouterr().err
    assert "1 of 2 months of green did not succeed: 2021-01 (work failed)." in said


def test_a_run_with_only_deferred_tasks_waits_for_its_file(
    while_waiting: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    def defer() -> None:
        with create_session() as session:
            session.execute(update(DagRun).values(state="running"))
            session.execute(update(TaskInstance).values(state="deferred"))

    while_waiting(defer, lambda: finish("success"))
    assert run("green -s 2021-01") == 0
    assert "1 waiting for the file" in capsys.readouterr().err


def test_ctrl_c_stops_watching_and_leaves_the_backfill(
    while_waiting: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    while_waiting(interrupt)
    assert run("green -s 2021-01 -e 2021-02") == 130
    assert "Stopped watching. The runs of green continue." in capsys.readouterr().err
    assert [state for _, _, state in runs()] == ["queued", "queued"]


def test_months_under_way_are_watched_again(
    while_waiting: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    run("green -s 2021-01 -e 2021-02 --no-wait")
    while_waiting(lambda: finish("success"))
    assert run("green -s 2021-01 -e 2021-02") == 0
    said = capsys.readouterr()
    assert "Skipped 2021-01..2021-02: already running." in said.err
    assert "green has succeeded for 2021-01..2021-02" in said.out


def test_a_finished_backfill_that_airflow_has_not_noticed_is_waited_for(
    while_waiting: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    run("green -s 2021-01 --no-wait")
    finish("success", noticed=False)
    while_waiting(lambda: None, lambda: finish("success"))
    assert run("green -s 2021-02 --no-wait") == 0
    assert "Waiting until Airflow notices that the last backfill has finished" in capsys.readouterr().err
    assert months() == ["2021-01", "2021-02"]


def test_a_finished_backfill_that_nobody_notices_is_given_up_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("green -s 2021-01 --no-wait")
    finish("success", noticed=False)
    monkeypatch.setattr(backfill, "_NOTICE_TIMEOUT", 0.0)
    assert run("green -s 2021-02 --no-wait") == 1
    assert "Check that a scheduler is running." in capsys.readouterr().err
    assert months() == ["2021-01"]


def test_a_short_outage_of_the_metadata_database_does_not_end_the_waiting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, calls = backfill_watch.states, 0

    def away(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls in {2, 3}:
            raise OperationalError("select", {}, Exception("server closed the connection"))
        if calls == 4:
            finish("success")
        return real(*arguments)

    monkeypatch.setattr(backfill_watch, "states", away)
    monkeypatch.setattr(backfill_watch, "_POLL", 0.05)
    assert run("green -s 2021-01") == 0
    assert capsys.readouterr().err.count("database does not answer; waiting for it") == 1
    monkeypatch.setattr(backfill_watch, "_OUTAGE", 0.0)
    calls = 1
    run("green -s 2021-02 --no-wait")
    assert run("green -s 2021-02") == 1
    said = capsys.readouterr().err
    assert "has not answered for 0 s" in said
    assert "The runs of green continue." in said
    assert "Traceback" not in said


def test_says_that_no_scheduler_runs_at_first_and_again_later(
    while_waiting: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(backfill_watch, "_REMINDER", 0.05)
    while_waiting(partial(time.sleep, 0.1), lambda: finish("success"))
    assert run("green -s 2021-01") == 0
    assert capsys.readouterr().err.count("No scheduler is running.") == 2


def running(task_state: str, **values: Any) -> None:
    """Do the scheduler's part: let the runs begin, and give their tasks a state."""
    with create_session() as session:
        session.execute(update(DagRun).values(state="running"))
        session.execute(update(TaskInstance).values(state=task_state, **values))


def pause() -> None:
    running("running")
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == "green").values(is_paused=True))


@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (partial(running, "deferred"), "No triggerer is running. Start one (airflow triggerer): "),
        (
            partial(running, "scheduled", pool="deleted"),
            "The pool deleted does not exist, so tasks that use it never start. Create it: airflow pools set",
        ),
        (pause, "green is paused. Unpause it: airflow dags unpause green\n"),
    ],
)
def test_says_what_keeps_months_from_going_on(
    happens: Callable[[], None],
    says: str,
    while_waiting: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    while_waiting(happens, lambda: None, lambda: finish("success"))
    assert run("green -s 2021-01") == 0
    assert capsys.readouterr().err.count(says) == 1


def test_says_when_a_month_is_tried_again(
    while_waiting: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    ended = datetime.now(UTC)
    failed = partial(running, "up_for_retry", end_date=ended, retry_delay_override=90)
    while_waiting(failed, lambda: finish("success"))
    assert run("green -s 2021-01 -e 2021-02") == 0
    at = ended + timedelta(seconds=90)
    assert f"green: 0 of 2, 2 trying again at {at:%H:%M:%S} UTC\n" in capsys.readouterr().err
