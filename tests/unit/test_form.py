"""What the months of a trigger form may be, and what its other requests are to the check: nothing."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from nyc_taxi.ui.form import MonthsOfForm, fault

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

MISSING = "The month is missing. Enter the month to load, for example 2021-01."


@pytest.mark.parametrize(
    ("dag_id", "body", "why"),
    [
        ("green_postgres", {"conf": {"month": "2021-01"}}, ""),
        ("green_postgres", {"partition_key": "green|2021-01"}, ""),
        ("green_postgres", {"conf": {"month": ""}}, MISSING),
        ("green_postgres", {"conf": {"month": None}}, MISSING),
        ("green_postgres", {"conf": None}, MISSING),
        ("green_postgres", {}, MISSING),
        (
            "green_postgres",
            {"conf": {"month": "January 2021"}},
            "'January 2021' is not a month. Write it as YYYY-MM, for example 2021-01.",
        ),
        ("taxi_postgres", {"conf": {"months": "2021-01..2021-03"}}, ""),
        (
            "taxi_postgres",
            {"conf": {"months": "Q1 2021"}},
            "'Q1' is not a month. Write it as YYYY-MM, for example 2021-01.",
        ),
        ("transform_postgres", {"conf": {"months": None}}, ""),
        ("transform_postgres", {"conf": {"months": "2021"}}, "'2021' is not a month."),
        ("green_postgres", {"conf": {"month": 202101}}, ""),
        ("green_postgres", [], ""),
    ],
)
def test_a_form_is_refused_with_one_sentence(dag_id: str, body: Any, why: str) -> None:
    said = fault(dag_id, json.dumps(body).encode())
    assert said.startswith(why)
    assert bool(said) == bool(why)


@pytest.mark.parametrize(
    ("method", "path", "body", "passed"),
    [
        ("POST", "/api/v2/dags/green_postgres/dagRuns", b"{}", False),
        ("POST", "/airflow/api/v2/dags/green_postgres/dagRuns", b"{}", False),
        ("POST", "/api/v2/dags/green_postgres/dagRuns", b'{"conf": {"month": "2021-01"}}', True),
        ("POST", "/api/v2/dags/green_postgres/dagRuns", b"{", True),
        ("POST", "/api/v2/dags/somebody_elses/dagRuns", b"{}", True),
        ("POST", "/api/v2/dags/green_postgres/dagRuns/list", b"{}", True),
        ("GET", "/api/v2/dags/green_postgres/dagRuns", b"", True),
    ],
)
def test_other_requests_pass_whole(method: str, path: str, body: bytes, passed: bool) -> None:
    got, answered = b"", list[Any]()
    parts: list[Message] = [
        {"type": "http.request", "body": body[:3], "more_body": True},
        {"type": "http.request", "body": body[3:], "more_body": False},
    ]

    async def airflow(_: Scope, receive: Receive, __: Send) -> None:
        nonlocal got
        while (message := await receive()).get("more_body"):
            got += message["body"]
        got += message["body"]

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        answered.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    asyncio.run(MonthsOfForm(airflow)(scope, receive, send))
    if passed:
        assert (got, answered) == (body, [])
    else:
        assert [message.get("status") for message in answered] == [400, None]
        assert json.loads(answered[1]["body"]) == {"detail": MISSING}
