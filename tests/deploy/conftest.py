"""A metadata database and a warehouse of a Postgres server, and inits of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg import sql
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from local.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.postgres import EmbeddedPostgres

METADATA, WAREHOUSE, MIGRATED, EDITS = "init_metadata", "init_warehouse", "init_migrated", "init_edits"
FILES = CHECKOUT / "include" / "bootstrap"
ENTRYPOINT = str(CHECKOUT / "entrypoint.sh")


@dataclass(frozen=True)
class Ended:
    """How an init, or another command, ended."""

    code: int
    output: str


class Place:
    """Two databases with constant names, and the environment in which Airflow uses them."""

    def __init__(self, server: EmbeddedPostgres, databases: psycopg.Connection, home: Path) -> None:
        self.server = server
        self.databases = databases
        self.home = home
        self.uri = server.uri(METADATA)
        self.secrets = {
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
            "AIRFLOW__API_AUTH__JWT_SECRET": uuid.uuid4().hex,
            "NYC_TAXI_ADMIN_PASSWORD": uuid.uuid4().hex,
            "NYC_TAXI_WAREHOUSE_PASSWORD": server.password,
        }

    def environment(self) -> dict[str, str]:
        own = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("AIRFLOW", "NYC_TAXI", "BOOTSTRAP", "PG"))
        }
        programs = str(Path(sys.executable).parent)
        return {
            **own,
            **self.secrets,
            "PATH": f"{programs}{os.pathsep}{own['PATH']}",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.uri.replace("postgresql:", "postgresql+psycopg2:", 1),
            "NYC_TAXI_WAREHOUSE_HOST": "127.0.0.1",
            "NYC_TAXI_WAREHOUSE_PORT": str(self.server.port),
            "NYC_TAXI_WAREHOUSE_USER": self.server.user,
            "NYC_TAXI_WAREHOUSE_DATABASE": WAREHOUSE,
        }

    def renew(self, name: str, template: str = "template1") -> None:
        """Replace a database by a copy of another one, even if it is in use."""
        drop, create = (
            sql.SQL("drop database if exists {} with (force)"),
            sql.SQL("create database {} template {} strategy file_copy"),
        )
        self.databases.execute(drop.format(sql.Identifier(name)))
        self.databases.execute(create.format(sql.Identifier(name), sql.Identifier(template)))

    def checked(self, code: int, output: str) -> Ended:
        """Return how something ended, after checking that its output has no secrets."""
        for name, secret in self.secrets.items():
            assert secret not in output, f"{name} is in the output"
        return Ended(code, output)

    def run(self, *command: str, **environment: str) -> Ended:
        """Run a command to its end."""
        done = subprocess.run(
            command,
            env=self.environment() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return self.checked(done.returncode, done.stdout)


class Inits:
    """Inits of the place, each a forked process that has imported Airflow already."""

    def __init__(self, place: Place, server: subprocess.Popen[str], folder: Path) -> None:
        assert server.stdin
        assert server.stdout
        self.place = place
        self._orders: IO[str] = server.stdin
        self._answers: IO[str] = server.stdout
        self._folder = folder
        self._outputs: list[Path] = []
        self._begun = False

    def begin(self, folder: Path = FILES, wait: float = 20, **environment: str) -> int:
        """Start an init and return its pid; :meth:`end` has to follow."""
        if self._begun:
            self.end()
        (pid,) = self._order(1, folder, wait, environment)
        return pid

    def end(self) -> Ended:
        """Wait until the init that was begun has ended."""
        (ended,) = self._end()
        return ended

    def at_once(self, count: int) -> list[Ended]:
        """Run inits at the same time, to their ends."""
        self._order(count, FILES, 20, {})
        return self._end()

    def _order(self, count: int, folder: Path, wait: float, environment: dict[str, str]) -> list[int]:
        self._begun = True
        self._outputs = [self._folder / f"output-{number}" for number in range(count)]
        for output in self._outputs:
            output.unlink(missing_ok=True)
        arguments = ["init", str(folder), "--wait", str(wait)]
        order = {"arguments": arguments, "environment": environment, "outputs": list(map(str, self._outputs))}
        self._orders.write(json.dumps(order) + "\n")
        self._orders.flush()
        return json.loads(self._answers.readline())  # type: ignore[no-any-return]

    def _end(self) -> list[Ended]:
        codes = json.loads(self._answers.readline())
        self._begun = False
        outputs = [output.read_text() if output.exists() else "" for output in self._outputs]
        return list(map(self.place.checked, codes, outputs))

    def output(self) -> str:
        """Return the output of the last init so far."""
        (output,) = self._outputs
        return output.read_text() if output.exists() else ""

    def run(self, folder: Path = FILES, wait: float = 20, **environment: str) -> Ended:
        """Run an init to its end."""
        self.begin(folder, wait, **environment)
        return self.end()


@pytest.fixture(scope="session")
def place(
    postgres_server: EmbeddedPostgres,
    databases: psycopg.Connection,
    tmp_path_factory: pytest.TempPathFactory,
) -> Place:
    """The databases' place; they are made by the tests."""
    return Place(postgres_server, databases, tmp_path_factory.mktemp("init"))


@pytest.fixture(scope="session")
def inits(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inits]:
    """Inits that take a second each, on an empty metadata database unless a test takes another one."""
    command = (sys.executable, str(Path(__file__).with_name("forks.py")))
    with subprocess.Popen(
        command,
        env=place.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        yield Inits(place, server, tmp_path_factory.mktemp("inits"))


@pytest.fixture(scope="session")
def migrated(place: Place, inits: Inits, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a database after an init with nothing to bring in, to copy."""
    place.renew(METADATA)
    place.renew(WAREHOUSE)
    ended = inits.run(tmp_path_factory.mktemp("nothing"))
    assert ended.code == 0, ended.output
    with psycopg.connect(place.uri, autocommit=True) as connection:
        connection.execute("delete from variable")
    place.renew(MIGRATED, METADATA)
    return MIGRATED


@pytest.fixture
def fresh(place: Place, migrated: str) -> Place:
    """The place with a migrated metadata database and an empty warehouse."""
    place.renew(METADATA, migrated)
    place.renew(WAREHOUSE)
    return place


@pytest.fixture(scope="session")
def metadata_engine(place: Place, migrated: str) -> Iterator[Engine]:
    """A migrated metadata database for the tests of one module."""
    place.renew(EDITS, migrated)
    engine = create_engine(place.server.uri(EDITS).replace("postgresql:", "postgresql+psycopg2:", 1))
    yield engine
    engine.dispose()


@pytest.fixture
def session(metadata_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session of a metadata database in which nothing was brought in, whose values are encrypted."""
    from airflow.models.crypto import get_fernet

    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    get_fernet.cache_clear()
    with Session(metadata_engine) as session:
        yield session
        session.rollback()
        for table in ("connection", "variable", "team", "slot_pool where pool <> 'default_pool'"):
            session.execute(text(f"delete from {table}"))
        session.commit()
    get_fernet.cache_clear()


def rows(uri: str) -> dict[str, list[Any]]:
    """Return the rows of the tables that init writes to, as they are."""
    tables = ("slot_pool", "connection", "variable", "log_template", "alembic_version")
    with psycopg.connect(uri) as connection:
        return {
            table: [
                row[0]
                for row in connection.execute(
                    sql.SQL("select to_jsonb(t) from {} as t order by t::text").format(sql.Identifier(table))
                )
            ]
            for table in tables
        }
