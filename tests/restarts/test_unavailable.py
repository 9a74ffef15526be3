"""What a task gets while Airflow's database is down. Parts of the stack die of that: the last test."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import tenacity
from airflow.api_fastapi.auth.tokens import JWTGenerator
from airflow.sdk.api.client import Client
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import GetConnection
from airflow.sdk.execution_time.request_handlers import handle_get_connection

from nyc_taxi.errors import ConnectionNotFound
from nyc_taxi.hooks.tlc import NycTlcHook
from nyc_taxi.hooks.warehouse import warehouse
from tests.waiting import HANGS, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack

pytestmark = pytest.mark.slow


class Supervisor:
    """Passes a task's requests to the API server of a stack, as the process above each task does."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def send(self, message: object) -> object:
        if isinstance(message, GetConnection):
            return handle_get_connection(self.client, message)[0]
        return None


@pytest.fixture
def task(mortal: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process ask for connections as a task of the stack does, without retries."""
    token = JWTGenerator(
        secret_key=mortal.state.secret("jwt", size=64), valid_for=600, audience="urn:airflow.apache.org:task"
    ).generate({"sub": str(uuid.uuid4())})
    monkeypatch.setattr(Client.request.retry, "stop", tenacity.stop_after_attempt(1))
    url = mortal.environment()["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    with Client(base_url=url, token=token, timeout=HANGS, trust_env=False) as client:
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(client), raising=False)
        yield


def test_a_connection_that_is_not_found_during_an_outage_is_found_by_a_retry(
    mortal: Stack, task: None
) -> None:
    assert str(NycTlcHook().sources()) == mortal.files_url
    assert "Postgres 18" in warehouse("postgres").check()
    mortal.postgres.stop("immediate")
    try:
        for use in (NycTlcHook().sources, warehouse("postgres").check):
            with pytest.raises(ConnectionNotFound):
                use()
    finally:
        mortal.postgres.start()

    def found() -> bool:
        with suppress(ConnectionNotFound):
            return str(NycTlcHook().sources()) == mortal.files_url
        return False

    eventually(found)
