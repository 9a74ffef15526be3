"""Airflow's web server in this process, with the pages of the plugin, over a real warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.airflow_warnings import let_airflows_own_pass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.testclient import TestClient


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let Airflow's own warnings pass."""
    let_airflows_own_pass(items, Path(__file__).parent)


@pytest.fixture(scope="module")
def web_server(airflow_database: None) -> Iterator[TestClient]:
    """Airflow's web server, asked by nobody in particular."""
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from starlette.testclient import TestClient

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "0123456789abcdef" * 4)
        purge_cached_app()
        with TestClient(create_app("core"), raise_server_exceptions=False) as client:
            yield client
        purge_cached_app()


@pytest.fixture
def as_user(web_server: TestClient) -> Callable[[str], dict[str, str]]:
    """Headers of a request by a user of some role."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    def headers(role: str) -> dict[str, str]:
        token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=role, role=role))
        return {"Authorization": f"Bearer {token}"}

    return headers


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees what a warehouse answered to another, nor waits until it may be asked again."""
    from nyc_taxi.ui import answers, pages, warehouses

    monkeypatch.setattr(pages, "answers", answers.Answers())
    monkeypatch.setattr(answers, "REST", 0)
    monkeypatch.setattr(warehouses, "_open", {})
