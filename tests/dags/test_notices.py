"""Who is told of failed tasks and overdue months: the notifier of the documentation, as Airflow calls it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.dagbag import DBDagBag
from airflow.models.deadline import Deadline
from airflow.triggers.callback import CallbackTrigger
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

from nyc_taxi import notices, settings
from nyc_taxi.errors import ContractError, NeverInSource
from nyc_taxi.retries import TaskFailed
from tests.dags.conftest import CHECKOUT, states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

NOTIFIER = "AIRFLOW__NYC_TAXI__NOTIFIER"
OVERDUE = timedelta(days=75)


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The texts that the notifier of the documentation posts to its webhook."""
    texts: list[str] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.syspath_prepend(CHECKOUT / "docs" / "examples")
    monkeypatch.setenv(NOTIFIER, "webhook_notifier.WebhookNotifier")
    monkeypatch.setattr(settings, "OVERDUE_AFTER", OVERDUE)
    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/services/secret"
        connection = {"conn_type": "http", "password": url}
        monkeypatch.setenv("AIRFLOW_CONN_TAXI_WEBHOOK", json.dumps(connection))
        yield texts
        server.shutdown()


def missed(session: Session, run_id: str) -> CallbackTrigger:
    """Create a backfill's run, let its deadline pass, and return what the triggerer then gets to run."""
    dag = DBDagBag().get_latest_version_of_dag("green_postgres", session=session)
    assert dag is not None
    january = datetime(2021, 1, 1, tzinfo=UTC)
    run = dag.create_dagrun(
        run_id=run_id,
        logical_date=january,
        data_interval=(january, datetime(2021, 2, 1, tzinfo=UTC)),
        run_after=january,
        run_type=DagRunType.BACKFILL_JOB,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.QUEUED,
        session=session,
    )
    session.flush()
    (deadline,) = session.scalars(select(Deadline).where(Deadline.dagrun_id == run.id))
    assert run.queued_at is not None
    assert abs(deadline.deadline_time - settings.OVERDUE_AFTER - run.queued_at) < timedelta(seconds=10)
    deadline.handle_miss(session)
    return CallbackTrigger(**deadline.callback.trigger.kwargs)


def test_a_failed_task_and_an_overdue_month_are_posted_with_the_reason(
    posted: list[str],
    connections: None,
    synced_dags: set[frozenset[str]],
    run_dag: Callable[..., DagRun],
) -> None:
    synced_dags.clear()  # an earlier test has written the DAGs without this notifier
    run = run_dag("green_postgres", month="2098-01")

    assert states(run)["wait_for_file"] == "failed"
    (text,) = posted
    assert text.startswith(f"green_postgres, wait_for_file of run {run.run_id} failed: green 2098-01 is in ")

    async def run_trigger(trigger: CallbackTrigger) -> list[Any]:
        return [event.payload async for event in trigger.run()]

    with create_session(scoped=False) as session:
        trigger = missed(session, "backfill__2021-01")
        session.rollback()
    synced_dags.clear()  # the DAGs of the next test have no deadline
    events = asyncio.run(run_trigger(trigger))

    assert [event["state"] for event in events] == ["running", "success"]
    assert posted[1:] == [
        "2021-01 of green_postgres is overdue: the run backfill__2021-01 has not ended. If its file is "
        "published elsewhere, add that source to the connection of the sources, and clear the run."
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            NeverInSource("No source has green 2008-01. Choose another."),
            " failed: No source has green 2008-01. Ch",
        ),
        (ValueError("2 is\nnot 3"), " failed: ValueError: 2 is not 3"),
        ("the pod is gone", " failed: the pod is gone"),
        (None, " failed. Its log says why."),
    ],
)
def test_a_failed_task_is_told_with_its_reason(error: object, said: str) -> None:
    told = TaskFailed(1)
    told.__cause__ = error if isinstance(error, NeverInSource) else None
    task = SimpleNamespace(dag_id="green_postgres", task_id="stage", run_id="manual__1")
    context = {"ti": task, "exception": told if told.__cause__ else error}

    assert notices.message(context).startswith(f"green_postgres, stage of run manual__1{said}")


def test_a_month_that_still_waits_is_told_with_what_to_do() -> None:
    run = {
        "dag_id": "green_postgres",
        "dag_run_id": "scheduled__2026-08-01",
        "run_type": "scheduled",
        "state": "running",
        "logical_date": "2026-08-01T00:00:00Z",
        "conf": {},
    }
    assert notices.message({"dag_run": run, "deadline": {}}) == (
        "2026-08 of green_postgres is overdue: the run scheduled__2026-08-01 has not ended. If its file is "
        "published elsewhere, add that source to the connection of the sources, and clear the run."
    )
    nothing = {**run, "logical_date": None, "run_type": "manual"}
    assert notices.message({"dag_run": nothing, "deadline": {}}).startswith("A month of green_postgres is ")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere.Notifier", "cannot be imported: No module named 'nowhere'. Put its module into the folder"),
        ("json.Notifier", "cannot be imported: module 'json' has no attribute 'Notifier'"),
        ("json.JSONDecoder", "is not a class that extends airflow.sdk.BaseNotifier"),
        ("Notifier", "cannot be imported: Empty module name"),
    ],
)
def test_a_notifier_that_cannot_be_right_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, path: str, said: str
) -> None:
    monkeypatch.setenv(NOTIFIER, path)
    with pytest.raises(ContractError, match=r"^\[nyc_taxi\] notifier is ") as error:
        settings.default_args()
    assert said in str(error.value)


def test_a_deadline_is_set_only_when_the_deployment_wants_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.overdue() is None
    monkeypatch.setattr(settings, "OVERDUE_AFTER", OVERDUE)
    assert settings.overdue() is not None
    assert "on_failure_callback" not in settings.default_args()
