"""Fixtures that more than one kind of test uses."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import psycopg
import pytest

from local.postgres import EmbeddedPostgres
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.file_server import FileServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nyc_taxi.bigquery.place import Place
    from tests.google_cloud import GoogleCloud

# Airflow reads these at its first import: no test may touch the user's own Airflow, nor its database.
_AIRFLOW_HOME = tempfile.TemporaryDirectory(prefix="nyc-taxi-airflow-")
os.environ["AIRFLOW_HOME"] = _AIRFLOW_HOME.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

# A program that a shell starts in the background ignores Ctrl-C, and so would everything that tests start.
# When the tests are ended, by Ctrl-C or another way, they can end what they started.
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.default_int_handler)

# A slow machine is no fault of what is tested.
hypothesis.settings.register_profile(
    "steady", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("steady")

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real TLC files, which are not part of the project."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"the real TLC files are not in {REAL_DATA}")
    return REAL_DATA


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Set up Airflow's own database, a SQLite file of this test process."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    """A web server whose answers the test decides."""
    with FileServer() as server:
        yield server


@contextmanager
def warm(python: Path, program: Path, *more: Path, environment: dict[str, str]) -> Iterator[str]:
    """Give the path of a program that is imported already: ``dbt``, or ``airflow``."""
    command: list[str | Path] = [python, Path(__file__).with_name("warm.py"), program.name, program, *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            yield str(program)
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def dbt_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The path of a dbt that is imported already."""
    from local import dbt
    from tests.dbt.mart import environment

    python = Path(dbt.program()).with_name("python")
    program = tmp_path_factory.mktemp("warm") / "dbt"
    with warm(python, program, dbt.PROJECT, environment=environment()) as path:
        yield path


@pytest.fixture(scope="session")
def google_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleCloud]:
    """Emulators of Cloud Storage and BigQuery of this test session."""
    from tests.google_cloud import GoogleCloud

    cloud = GoogleCloud(tmp_path_factory.mktemp("google-cloud"))
    cloud.emulators.start()
    yield cloud
    cloud.emulators.stop()


@pytest.fixture(scope="session")
def prepared_place(google_cloud: GoogleCloud) -> Place:
    """A place in Google Cloud whose tables are there."""
    from nyc_taxi.bigquery.warehouse import BigQueryWarehouse

    place = google_cloud.set_up()
    BigQueryWarehouse(place, "prepared").prepare()
    return place


@pytest.fixture
def bigquery_place(prepared_place: Place) -> Iterator[Place]:
    """A place in Google Cloud of this test alone, with tables and without rows."""
    from tests.google_cloud import empty

    yield prepared_place
    empty(prepared_place)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A Postgres 18 of this test session, which works on tables only when a test does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = (("fsync", "off"), ("autovacuum", "off"))
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), port, settings)
    server.start()
    yield server
    server.stop("immediate")


@pytest.fixture(scope="session")
def databases(postgres_server: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    """A connection to the server that creates and drops databases."""
    with psycopg.connect(postgres_server.uri("postgres"), autocommit=True) as connection:
        yield connection


@contextmanager
def _copy_of(template: str, server: EmbeddedPostgres, databases: psycopg.Connection) -> Iterator[str]:
    """Give the URI of a new database with the template's content, and drop it in the end."""
    name = f"warehouse_{uuid.uuid4().hex[:12]}"
    databases.execute(f'create database "{name}" template "{template}" strategy file_copy')
    yield server.uri(name)
    databases.execute(f'drop database "{name}" with (force)')


@pytest.fixture(scope="session")
def prepared_database(postgres_server: EmbeddedPostgres, databases: psycopg.Connection) -> str:
    """Name of a database whose tables are there, to copy: that takes a third of preparing one."""
    databases.execute("create database prepared")
    PostgresWarehouse(lambda: psycopg.connect(postgres_server.uri("prepared")), "prepared").prepare()
    return "prepared"


@pytest.fixture
def empty_warehouse_uri(postgres_server: EmbeddedPostgres, databases: psycopg.Connection) -> Iterator[str]:
    """URI of a warehouse of this test alone that nothing has prepared yet."""
    with _copy_of("template1", postgres_server, databases) as uri:
        yield uri


@pytest.fixture
def warehouse_uri(
    postgres_server: EmbeddedPostgres, databases: psycopg.Connection, prepared_database: str
) -> Iterator[str]:
    """URI of a warehouse of this test alone, with tables and without rows."""
    with _copy_of(prepared_database, postgres_server, databases) as uri:
        yield uri


@pytest.fixture
def ordinary_user(warehouse_uri: str) -> Iterator[str]:
    """Name of a user of the warehouse without any rights, whose password is ``ordinary``."""
    name = f"user_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(warehouse_uri, autocommit=True) as connection:
        connection.execute(f"create role {name} login password 'ordinary'")
        yield name
        connection.execute(f"drop owned by {name} cascade")
        connection.execute(f"drop role {name}")


@pytest.fixture
def ordinary_uri(ordinary_user: str, empty_warehouse_uri: str) -> Iterator[str]:
    """URI of a warehouse that nothing has prepared yet, for the ordinary user, who may prepare it."""
    with psycopg.connect(empty_warehouse_uri, autocommit=True) as connection:
        connection.execute(f'grant create on database "{connection.info.dbname}" to {ordinary_user}')
        yield psycopg.conninfo.make_conninfo(empty_warehouse_uri, user=ordinary_user, password="ordinary")
        connection.execute(f"drop owned by {ordinary_user} cascade")


@pytest.fixture
def warehouse(warehouse_uri: str) -> Iterator[psycopg.Connection]:
    """A connection to a warehouse of this test alone."""
    with psycopg.connect(warehouse_uri) as connection:
        yield connection
