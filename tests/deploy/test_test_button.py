"""The browser's **Test** button is green for what init has written."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.connection import Connection
from airflow.utils.session import create_session
from psycopg.conninfo import conninfo_to_dict

from nyc_taxi.deploy.current import read, write
from nyc_taxi.deploy.desired import read_desired
from nyc_taxi.deploy.last_applied import CONNECTION
from tests.deploy.conftest import FILES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.file_server import FileServer

pytestmark = pytest.mark.filterwarnings("ignore")  # of Airflow, about itself


@pytest.fixture
def written(
    airflow_database: None, warehouse_uri: str, file_server: FileServer, tmp_path: Path
) -> Iterator[None]:
    """The connections of the files, in Airflow's database."""
    server = conninfo_to_dict(warehouse_uri)
    environment = {
        "NYC_TAXI_SOURCES": str(tmp_path),
        "NYC_TAXI_WAREHOUSE_HOST": str(server["host"]),
        "NYC_TAXI_WAREHOUSE_PORT": str(server["port"]),
        "NYC_TAXI_WAREHOUSE_PASSWORD": str(server["password"]),
        "NYC_TAXI_WAREHOUSE_DATABASE": str(server["dbname"]),
        "NYC_TAXI_PRODUCTS_URL": file_server.url,
    }
    file_server.put("products", b'{"products": [], "total": 0}')
    desired, _ = read_desired(FILES, environment)
    ours = {resource: fields for resource, fields in desired.items() if resource.kind == CONNECTION}
    with create_session() as session:
        write(session, ours)
        assert read(session, ours) == ours
    yield
    with create_session() as session:
        session.query(Connection).delete()


def click(conn_id: str, **changed: Any) -> tuple[bool, str]:
    """Send what the browser sends when its form is open, after changes to it."""
    from airflow.api_fastapi.core_api.datamodels.connections import ConnectionBody, ConnectionResponse
    from airflow.api_fastapi.core_api.routes.public.connections import test_connection

    with create_session() as session:
        stored = session.query(Connection).filter_by(conn_id=conn_id).one()
        shown = ConnectionResponse.model_validate(stored, from_attributes=True)
    form: dict[str, Any] = {
        "connection_id": shown.connection_id,
        "conn_type": shown.conn_type,
        "description": shown.description or "",
        "extra": shown.extra or "{}",
        "host": shown.host or "",
        "login": shown.login or "",
        "password": shown.password or "",
        "port": int(shown.port or 0),
        "schema": shown.schema_ or "",
    }
    manager = SimpleNamespace(is_authorized_connection=lambda **_: True)
    answer = test_connection(ConnectionBody(**{**form, **changed}), None, manager)  # type: ignore[arg-type]
    return answer.status, answer.message


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("conn_id", "said"),
    [
        ("postgres_taxi", "Postgres 18"),
        ("nyc_tlc_default", "answers and does not have green 2021-01"),
        ("products_api", "The API answers and has 0 products."),
    ],
)
def test_the_button_is_green_for_the_connections_that_init_wrote(
    monkeypatch: pytest.MonkeyPatch, conn_id: str, said: str
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")
    works, message = click(conn_id)
    assert works, message
    assert said in message


@pytest.mark.usefixtures("written")
def test_the_button_calls_a_warehouse_by_a_name_that_its_user_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")
    works, message = click("postgres_taxi", schema="nowhere", password="")
    assert not works
    assert re.fullmatch(
        r"The warehouse nowhere at 127\.0\.0\.1:\d+ has no database nowhere\. "
        r"Create it, or correct the connection\.",
        message,
    )
