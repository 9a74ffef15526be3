"""The routes of the plugin: who may read them, what they say, and at which cost."""

from __future__ import annotations

import json
import re
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.load import load_month
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from nyc_taxi.ui import answers, month
from tests.trips import MONTH, lines, text, write
from tests.waiting import HANGS, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.testclient import TestClient

    Headers = Callable[[str], dict[str, str]]

MARKUP = "<img src=x onerror=alert(1)>"
DATASETS = ("yellow", "green", "fhv", "fhvhv")


@pytest.fixture
def warehouse(warehouse_uri: str, monkeypatch: pytest.MonkeyPatch) -> PostgresWarehouse:
    """The warehouse that the pages ask."""
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", warehouse_uri)
    return PostgresWarehouse(lambda: psycopg.connect(warehouse_uri), "postgres_taxi")


@pytest.fixture
def runs(airflow_database: None) -> Iterator[Callable[..., None]]:
    """Put runs into Airflow's database, which are gone after the test."""
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    def add(dag_id: str, month: Month, state: str = "success", began: datetime | None = None) -> None:
        date = datetime(month.first_day.year, month.first_day.month, 1, tzinfo=UTC)
        with create_session() as session:
            run = DagRun(dag_id=dag_id, run_id=f"backfill__{month}", logical_date=date, run_type="backfill")
            run.start_date, run.state = began or datetime.now(UTC), state
            run.data_interval_start, run.run_after, run.conf = date, date, {}
            session.add(run)

    yield add
    with create_session() as session:
        session.execute(delete(DagRun))


def coverage(client: TestClient, headers: dict[str, str]) -> dict[str, Any]:
    """Return the answer about all months, once every warehouse has answered or is known not to."""

    def known() -> dict[str, Any] | None:
        found = client.get("/nyc-taxi/coverage", headers=headers)
        assert found.status_code == 200, found.text
        content: dict[str, Any] = found.json()
        return content if all(one["answered"] or one["why"] for one in content["targets"]) else None

    return dict(eventually(known))


def grid(content: dict[str, Any], dag_id: str = "green_postgres") -> dict[str, Any]:
    return next(one for one in content["grids"] if one["dag_id"] == dag_id)


def routes() -> list[tuple[str, str]]:
    """Return method and a path of every route of the plugin, its parameters filled in."""
    from nyc_taxi.ui.pages import pages

    values = {"dag_id": "green_postgres", "name": "2021-01"}
    return [
        (method, "/nyc-taxi" + re.sub(r"{(\w+)}", lambda found: values[found[1]], getattr(route, "path", "")))
        for route in pages.routes
        for method in route.methods  # type: ignore[attr-defined]
    ]


def test_every_route_asks_who_is_there(web_server: TestClient) -> None:
    assert len(routes()) == 5
    for method, path in routes():
        assert web_server.request(method, path).status_code == 401, path
        forged = web_server.request(method, path, headers={"Cookie": "_token=forged"})
        assert forged.status_code in {401, 403}, path


def test_a_viewer_sees_the_months_and_may_not_load_any(
    web_server: TestClient, as_user: Headers, warehouse: PostgresWarehouse
) -> None:
    viewer, user = as_user("viewer"), as_user("user")
    assert [one["may_run"] for one in coverage(web_server, viewer)["grids"]] == [False] * 4
    assert [one["may_run"] for one in coverage(web_server, user)["grids"]] == [True] * 4
    body = {
        "dag_id": "green_postgres",
        "from_date": "2021-01-01T00:00:00Z",
        "to_date": "2021-01-01T00:00:00Z",
    }
    for path in ("/api/v2/backfills/dry_run", "/api/v2/backfills"):
        assert web_server.post(path, json=body, headers=viewer).status_code == 403
    assert web_server.get("/nyc-taxi/coverage.js", headers=viewer).status_code == 200
    assert {method for method, _ in routes()} == {"GET"}


def test_a_user_who_may_see_no_dag_is_shown_none(
    web_server: TestClient, as_user: Headers, warehouse: PostgresWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    monkeypatch.setattr(get_auth_manager(), "filter_authorized_dag_ids", lambda **_: {"fhv_postgres"})
    content = coverage(web_server, as_user("viewer"))
    assert [one["dag_id"] for one in content["grids"]] == ["fhv_postgres"]


def test_months_are_shown_as_the_ledger_has_them(
    web_server: TestClient,
    as_user: Headers,
    warehouse: PostgresWarehouse,
    runs: Callable[..., None],
    tmp_path: Path,
) -> None:
    rows = [*lines(200), f"2,{MARKUP},2021-01-01 00:10:00"]
    write(tmp_path, text(rows))
    load_month(warehouse, SourceList.parse(str(tmp_path)), "green", MONTH, run_id=f"backfill__{MONTH}")
    runs("green_postgres", MONTH, began=datetime(2021, 3, 1, tzinfo=UTC))
    waiting, failed = Month("2021-02"), Month("2021-03")
    runs("green_postgres", waiting, "running")
    runs("green_postgres", failed, "failed")
    found = grid(coverage(web_server, as_user("viewer")))
    assert set(found["months"]) == {"2021-01", "2021-02", "2021-03"}
    assert found["first"] == "2013-08"
    assert found["months"]["2021-02"]["state"] == "waiting"
    assert found["months"]["2021-03"]["state"] == "failed"
    (attempt,) = warehouse.ledger.overview()
    month = found["months"]["2021-01"]
    assert month["state"] == "stale"  # dbt has built nothing
    assert (month["rows"], month["rejects"], month["marts"]) == (200, 1, "not built")
    assert month["sha256"] == attempt.sha256
    assert (month["bytes"], month["attempt"]) == (attempt.bytes, attempt.id)
    assert month["run"] == ["green_postgres", f"backfill__{MONTH}", "success"]
    assert "rejected rows" in month["warnings"]

    page = web_server.get("/nyc-taxi/months/green_postgres/2021-01", headers=as_user("viewer"))
    described = page.json()
    assert page.headers["content-type"] == "application/json"
    assert [(one["id"], one["outcome"]) for one in described["attempts"]] == [(attempt.id, "published")]
    assert described["attempts"][0]["run"] == month["run"]
    (rejected,) = described["rejects"]
    assert MARKUP in rejected["text"]
    assert (rejected["line"], described["rejected"]) == (202, 1)
    assert {"volume", "rejected rows"} <= {one["name"] for one in described["checks"]}
    days = web_server.get("/nyc-taxi/months/green_postgres/2021-01/days", headers=as_user("viewer")).json()
    assert sum(days["2021-01"].values()) == 200
    assert days["2020-12"] == days["2021-02"] == {}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("green_postgres/2021-1", "'2021-1' is not a month."),
        ("getting_started/2021-01", "No DAG of that name loads months."),
        ("green_postgres/%3Cscript%3E", "'<script>' is not a month."),
    ],
)
def test_a_month_that_cannot_be_is_one_sentence(
    web_server: TestClient, as_user: Headers, path: str, why: str
) -> None:
    found = web_server.get(f"/nyc-taxi/months/{path}", headers=as_user("viewer"))
    assert found.status_code == 404
    assert found.headers["content-type"] == "application/json"
    assert found.json()["detail"].startswith(why)


def test_rejected_rows_and_their_text_are_bounded(
    web_server: TestClient,
    as_user: Headers,
    warehouse: PostgresWarehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(month, "REJECTS", 3)
    write(tmp_path, text([*lines(600), *(f"2,soon,{'x' * 5000}" for _ in range(5))]))
    load_month(warehouse, SourceList.parse(str(tmp_path)), "green", MONTH, run_id="r", force=True)
    found = web_server.get("/nyc-taxi/months/green_postgres/2021-01", headers=as_user("viewer"))
    described = found.json()
    assert (described["rejected"], [len(one["text"]) for one in described["rejects"]]) == (5, [300] * 3)


def test_a_warehouse_that_does_not_answer_leaves_what_airflow_knows(
    web_server: TestClient, as_user: Headers, runs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "LATE", 0.0)
    monkeypatch.setattr("nyc_taxi.ui.pages.PATIENCE", 0.0)
    runs("green_postgres", MONTH)
    runs("green_postgres", Month("2021-02"), "failed")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it accepts connections and never answers
        port = silent.getsockname()[1]
        monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", f"postgresql://taxi:secret@127.0.0.1:{port}/taxi")
        content = coverage(web_server, as_user("viewer"))
        (target,) = content["targets"]
        assert not target["answered"]
        assert target["why"].startswith("No answer for")
        months = grid(content)["months"]
        assert {name: one["state"] for name, one in months.items()} == {
            "2021-01": "loaded",
            "2021-02": "failed",
        }
        assert months["2021-01"]["run"] == ["green_postgres", "backfill__2021-01", "success"]
        page = web_server.get("/nyc-taxi/months/green_postgres/2021-01", headers=as_user("viewer"))
        assert page.status_code == 503


def test_a_warehouse_that_is_not_there_is_named_without_its_password(
    web_server: TestClient, as_user: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", f"postgresql://taxi:s3cret@127.0.0.1:{port}/taxi")
    content = coverage(web_server, as_user("viewer"))
    (target,) = content["targets"]
    assert target["why"].startswith("The warehouse postgres_taxi at 127.0.0.1")
    assert "s3cret" not in json.dumps(content)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect the statements that are sent to the warehouse and to Airflow's database."""
    from airflow import settings
    from sqlalchemy import event

    sent: list[str] = []
    execute = psycopg.Cursor.execute

    def noted(self: Any, query: Any, *args: Any, **more: Any) -> Any:
        sent.append(f"warehouse: {query}")
        return execute(self, query, *args, **more)

    def seen(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(f"airflow: {statement}")

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", noted)
        event.listen(settings.engine, "before_cursor_execute", seen)
        try:
            yield sent
        finally:
            event.remove(settings.engine, "before_cursor_execute", seen)


MANY = """
insert into ops.file_ledger (
    dataset, month, outcome, source, url, bytes, sha256, rows_in_file, rows_loaded, rows_rejected,
    run_id, finished
)
select
    dataset, month, 'published', 's', 'https://host/' || dataset || month, 1000000, repeat('a', 64),
    1001, 1000, 1, 'backfill__' || to_char(month, 'YYYY-MM'), now()
from unnest(array['yellow', 'green', 'fhv', 'fhvhv']) as dataset,
    generate_series('2005-01-01'::date, '2024-12-01'::date, '1 month') as month
"""


def test_twenty_years_cost_as_many_statements_as_nothing(
    web_server: TestClient,
    as_user: Headers,
    warehouse: PostgresWarehouse,
    warehouse_uri: str,
    runs: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nyc_taxi.ui.pages.MOMENT", HANGS)  # each answer is the newest one
    headers = as_user("viewer")
    coverage(web_server, headers)
    for dataset in DATASETS:
        runs(f"{dataset}_postgres", Month("2024-12"))
    with counted(monkeypatch) as few:
        coverage(web_server, headers)
    with psycopg.connect(warehouse_uri) as connection:
        connection.execute(MANY)
    for dataset in DATASETS:
        for one in list(MonthRange.parse("2005-01..2024-12"))[::24]:
            runs(f"{dataset}_postgres", one)
    with counted(monkeypatch) as many:
        content = coverage(web_server, headers)
    assert {len(one["months"]) for one in content["grids"]} == {240}
    assert few
    assert sorted(many) == sorted(few)


def test_a_run_that_changes_or_goes_is_seen_at_once(
    web_server: TestClient, as_user: Headers, warehouse: PostgresWarehouse, runs: Callable[..., None]
) -> None:
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    def states() -> dict[str, str]:
        months = grid(coverage(web_server, headers))["months"]
        return {month: one["state"] for month, one in months.items()}

    headers = as_user("viewer")
    runs("green_postgres", Month("2021-01"), "running")
    runs("green_postgres", Month("2021-02"), "running")
    assert states() == {"2021-01": "waiting", "2021-02": "waiting"}
    with create_session() as session:
        first, second = session.scalars(select(DagRun).order_by(DagRun.id))
        first.state = "failed"
        session.delete(second)
    assert states() == {"2021-01": "failed"}


def test_the_script_is_small_and_makes_no_markup_of_texts() -> None:
    script = (files("nyc_taxi.ui") / "static" / "coverage.js").read_text("utf-8")
    assert len(script.encode()) < 60_000
    assert not re.search(r"innerHTML|dangerouslySetInnerHTML|insertAdjacent|document\.write|\beval\b", script)
    from nyc_taxi.plugin import NycTaxiPlugin

    for app in NycTaxiPlugin.react_apps:
        assert f'globalThis["{app["name"]}"] = ' in script
        assert app["bundle_url"] == "nyc-taxi/coverage.js"
