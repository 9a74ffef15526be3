"""The sensor and its trigger, without a scheduler."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk.exceptions import TaskDeferred

from nyc_taxi import settings
from nyc_taxi.core.month import Month
from nyc_taxi.errors import ContractError, NeverInSource, SourceRefused
from nyc_taxi.sensors.publication import PublicationSensor
from nyc_taxi.triggers.publication import PublicationTrigger
from tests.file_server import Reply
from tests.waiting import HANGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context

    from tests.file_server import FileServer

    Use = Callable[[str], None]

PATH = "green/green_tripdata_2021-01.csv.gz"
THIS_MONTH = Month.of(datetime.now(UTC).date())


@pytest.fixture(autouse=True)
def _source(source: Use, files: FileServer) -> None:
    source(files.url)


def context(
    month: str | None = "2021-01",
    *,
    run_type: str = "manual",
    partition_key: str | None = None,
    logical_date: datetime | None = None,
    interval_start: datetime | None = None,
    user: str | None = None,
) -> Context:
    run = SimpleNamespace(
        run_type=SimpleNamespace(value=run_type),
        partition_key=partition_key,
        logical_date=logical_date,
        data_interval_start=interval_start,
        triggering_user_name=user,
    )
    return cast("Context", {"dag_run": run, "params": {"month": month}})


def sensor(**arguments: Any) -> PublicationSensor:
    return PublicationSensor(task_id="wait_for_file", dataset="green", **arguments)


def trigger(**changed: Any) -> PublicationTrigger:
    now = datetime.now(UTC)
    arguments = {
        "dataset": "green",
        "month": "2021-01",
        "tlc_conn_id": settings.TLC_CONN_ID,
        "interval": 0.1,
        "asked": now.isoformat(),
        "deadline": (now + timedelta(hours=1)).isoformat(),
    }
    return PublicationTrigger(**{**arguments, **changed})


def event_of(waiting: PublicationTrigger) -> dict[str, Any]:
    async def first() -> dict[str, Any]:
        async for event in waiting.run():
            return cast("dict[str, Any]", event.payload)
        raise AssertionError("the trigger ended without an event")

    return asyncio.run(asyncio.wait_for(first(), HANGS))


def test_a_published_month_is_returned_at_once(files: FileServer) -> None:
    files.put(PATH, b"x" * 30, last_modified=datetime(2021, 3, 1, tzinfo=UTC))

    answer = sensor().execute(context())

    assert answer["url"] == f"{files.url}/{PATH}"
    assert (answer["bytes"], answer["last_modified"]) == (30, "2021-03-01T00:00:00+00:00")
    assert json.loads(json.dumps(answer)) == answer
    assert files.requests == [("HEAD", f"/{PATH}")]


def test_promise_7_patient(files: FileServer) -> None:
    """A month that is not published yet is waited for, asked about again, and loaded when it appears."""
    waiting = sensor(poke_interval=0.1)
    with pytest.raises(TaskDeferred) as deferred:
        waiting.execute(context())
    assert files.requests == [("HEAD", f"/{PATH}")]
    files.answer(PATH, Reply(status=404), Reply(status=503), Reply(b"x" * 30))

    event = event_of(cast("PublicationTrigger", deferred.value.trigger))

    assert event == {"gave_up": False}
    assert files.count("HEAD") == 4
    kwargs = deferred.value.kwargs or {}
    answer = waiting.execute_complete(context(), event, **kwargs)
    assert answer["bytes"] == 30


def test_a_waiting_task_logs_when_something_changes(
    files: FileServer, capsys: pytest.CaptureFixture[str]
) -> None:
    missing, broken = Reply(status=404), Reply(status=503)
    replies = (missing, missing, broken, broken, broken, missing, missing, Reply(status=401))
    files.answer(PATH, *replies)

    event_of(trigger(interval=0.01))

    assert files.count("HEAD") == len(replies)
    first, second, third = [line for line in capsys.readouterr().out.splitlines() if files.url in line]
    assert f"{files.url}/{PATH} answered HEAD with 503" in first
    assert f"Not published yet: green 2021-01 at {files.url}/{PATH} " in second
    assert f"{files.url}/{PATH} answered GET with 401" in third


def test_tlcs_403_is_a_wait(files: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from nyc_taxi.files import source_list

    real = source_list._known()
    sources = {**real["sources"], "tlc": {**real["sources"]["tlc"], "base": files.url}}
    monkeypatch.setattr(source_list, "_known", lambda: {**real, "sources": sources})
    monkeypatch.setenv("AIRFLOW_CONN_NYC_TLC_DEFAULT", json.dumps({"conn_type": "nyc_tlc"}))
    last_month = str(THIS_MONTH.plus(-1))
    files.answer(f"trip-data/green_tripdata_{last_month}.parquet", Reply(status=403))

    with pytest.raises(TaskDeferred):
        sensor().execute(context(last_month))


def test_a_month_that_has_not_begun_is_not_waited_for(files: FileServer) -> None:
    with pytest.raises(TaskDeferred):
        sensor().execute(context(str(THIS_MONTH)))
    next_month = str(THIS_MONTH.plus(1))
    with pytest.raises(
        NeverInSource, match=rf"green {next_month} is in the future\. Correct the month, .* http://.*gz$"
    ):
        sensor().execute(context(next_month))
    files.put(f"green/green_tripdata_{next_month}.csv.gz", b"x" * 30)
    assert sensor().execute(context(next_month))["bytes"] == 30


def test_the_first_deadline_is_kept_when_the_file_vanishes_again(files: FileServer) -> None:
    deadline = "2030-01-01T00:00:00+00:00"

    with pytest.raises(TaskDeferred) as deferred:
        sensor().execute_complete(context(), {"gave_up": False}, deadline)

    assert deferred.value.kwargs == {"deadline": deadline}
    assert cast("PublicationTrigger", deferred.value.trigger).deadline == deadline


def test_a_month_without_a_source_fails_with_the_way_out(source: Use) -> None:
    source("mirror")

    with pytest.raises(NeverInSource, match="Add tlc to the connection's sources"):
        sensor().execute(context("2021-08"))


def test_waiting_ends_with_one_clear_error() -> None:
    with pytest.raises(ContractError, match=r"green 2021-01 was not published within 120 days\. Clear"):
        sensor().execute_complete(context(), {"gave_up": True}, "2021-06-01T00:00:00+00:00")


def test_the_trigger_gives_up_at_its_deadline_after_a_last_question(files: FileServer) -> None:
    now = datetime.now(UTC)

    event = event_of(trigger(interval=3600, deadline=(now + timedelta(seconds=0.2)).isoformat()))

    assert event == {"gave_up": True}
    assert files.count("HEAD") == 1


def test_the_trigger_asks_at_once_after_a_long_pause(files: FileServer) -> None:
    files.put(PATH, b"x" * 30)

    asked = (datetime.now(UTC) - timedelta(hours=7)).isoformat()

    assert event_of(trigger(interval=6 * 3600, asked=asked)) == {"gave_up": False}


def test_an_error_that_a_retry_cannot_fix_ends_the_wait_and_is_raised_by_the_task(files: FileServer) -> None:
    files.answer(PATH, Reply(status=401))

    event = event_of(trigger())

    with pytest.raises(SourceRefused, match="401"):
        sensor().execute_complete(context(), event, "2021-06-01T00:00:00+00:00")


def test_the_trigger_notices_an_edited_connection(files: FileServer, source: Use, tmp_path: Any) -> None:
    waiting = trigger(interval=0.3)
    (tmp_path / "green_tripdata_2021-01.csv").write_text("x")

    async def edit_meanwhile() -> dict[str, Any]:
        async def first() -> dict[str, Any]:
            async for event in waiting.run():
                return cast("dict[str, Any]", event.payload)
            raise AssertionError

        running = asyncio.create_task(first())
        while not files.requests:
            await asyncio.sleep(0.01)
        source(str(tmp_path))
        return await asyncio.wait_for(running, HANGS)

    assert asyncio.run(edit_meanwhile()) == {"gave_up": False}


def test_the_interval_is_varied_by_a_tenth() -> None:
    intervals = {trigger(interval=1000)._next_interval() for _ in range(200)}

    assert 900 <= min(intervals) < 950
    assert 1050 < max(intervals) <= 1100


def test_a_trigger_survives_the_triggerer() -> None:
    path, arguments = trigger(interval=5).serialize()

    assert path == "nyc_taxi.triggers.publication.PublicationTrigger"
    assert PublicationTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)


JANUARY, DECEMBER = datetime(2021, 1, 1, tzinfo=UTC), datetime(2020, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "ways",
    [
        pytest.param({"month": "2021-01"}, id="manual"),
        pytest.param({"month": "2021-01", "logical_date": datetime(2026, 11, 20, tzinfo=UTC)}, id="form"),
        pytest.param({"month": "2021-01", "run_type": "operator_triggered"}, id="recheck"),
        pytest.param({"month": None, "partition_key": "green|2021-01"}, id="partition key"),
        pytest.param(
            {"month": None, "run_type": "scheduled", "logical_date": JANUARY, "interval_start": JANUARY},
            id="scheduled",
        ),
        pytest.param(
            {"month": None, "run_type": "backfill", "logical_date": JANUARY, "interval_start": JANUARY},
            id="backfill",
        ),
        pytest.param(
            {"month": None, "run_type": "backfill", "logical_date": JANUARY, "interval_start": DECEMBER},
            id="backfill of a manual run",
        ),
        pytest.param({"month": "", "logical_date": JANUARY, "user": "dag_test"}, id="dags test"),
        pytest.param(
            {"month": "", "logical_date": JANUARY + timedelta(hours=5), "user": "dag_test"},
            id="dags test in New York",
        ),
    ],
)
def test_the_month_of_a_run(ways: dict[str, Any], files: FileServer) -> None:
    files.put(PATH, b"x" * 30)

    assert sensor().execute(context(**ways))["month"] == "2021-01"


@pytest.mark.parametrize(
    "ways",
    [
        {"month": None},
        {"month": None, "logical_date": JANUARY, "interval_start": DECEMBER},
        {"month": "", "logical_date": JANUARY + timedelta(seconds=1.5), "user": "dag_test"},
        {"month": "2021-02", "run_type": "backfill", "logical_date": JANUARY, "interval_start": JANUARY},
        {"month": "2021-02", "partition_key": "green|2021-01"},
    ],
)
def test_a_run_that_names_no_month_or_two_is_refused(ways: dict[str, Any], files: FileServer) -> None:
    with pytest.raises(ContractError):
        sensor().execute(context(**ways))
    assert files.requests == []
