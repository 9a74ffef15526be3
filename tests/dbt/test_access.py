"""dbt gets every setting that the load has."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from local.dbt import PROJECT
from nyc_taxi.dbt.invocation import Command, Invocation
from nyc_taxi.dbt.process import Dbt, _written
from nyc_taxi.hooks.postgres import TaxiPostgresHook
from tests.postgres.tls import tls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.postgres import EmbeddedPostgres

DATABASE = "NYC Taxi-2"
USER = 'User of "many" words'
PASSWORD = """p@s/s:#?%41$1 {{x}} '"\\ ü"""


@pytest.fixture
def owner(databases: psycopg.Connection) -> Iterator[None]:
    """A user with a password of odd characters, who owns a database with an odd name."""
    user, database = sql.Identifier(USER), sql.Identifier(DATABASE)
    databases.execute(sql.SQL("create role {} login password {}").format(user, PASSWORD))
    databases.execute(sql.SQL("create database {} owner {}").format(database, user))
    yield
    databases.execute(sql.SQL("drop database {} with (force)").format(database))
    databases.execute(sql.SQL("drop role {}").format(user))


@pytest.mark.usefixtures("owner")
def test_dbt_gets_every_setting_of_libpq_that_the_load_gets(
    postgres_server: EmbeddedPostgres, dbt_program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certificates, options, session attributes and a service file; odd names and passwords."""
    with tls(postgres_server.port, tmp_path) as port:
        service = tmp_path / "services"
        service.write_text(
            f"[taxi]\nhost=127.0.0.1\nport={port}\nsslmode=verify-full\ntcp_user_timeout=9000\n"
        )
        monkeypatch.setenv("PGSERVICEFILE", str(service))
        monkeypatch.chdir(tmp_path)
        extra = {
            "service": "taxi",
            "sslrootcert": "server.crt",
            "options": "-c work_mem=5MB",
            "target_session_attrs": "read-write",
        }
        # What a form sends for its empty fields.
        blank = {"host": "", "port": 0}
        connection = {
            "conn_type": "nyc_taxi_postgres",
            "login": USER,
            "password": PASSWORD,
            "schema": DATABASE,
        }
        monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", json.dumps({**connection, **blank, "extra": extra}))
        hook = TaxiPostgresHook()
        hook.warehouse().prepare()

        access = hook.dbt_access()
        assert access.environment["PGSSLMODE"] == "verify-full"
        assert access.environment["PGOPTIONS"] == "-c work_mem=5MB"
        assert access.environment["PGTARGETSESSIONATTRS"] == "read-write"
        assert access.files == {"PGSERVICEFILE": "[nyc_taxi]\ntcp_user_timeout=9000\n"}
        monkeypatch.chdir("/")
        dbt = Dbt(dbt_program, PROJECT, tmp_path / "target", access.environment, access.files)
        said: list[str] = []
        nodes = dbt.run(
            Invocation(Command.RUN, select="stg_taxi_zone_lookup"), lambda level, text: said.append(text)
        )
    assert [node.status for node in nodes] == ["success"]
    assert PASSWORD not in "".join(said)


def test_a_file_of_settings_is_its_users_alone_and_gone_when_dbt_ends() -> None:
    with _written({"PGSERVICEFILE": "[nyc_taxi]\nsslpassword=hunter2\n"}) as paths:
        file = Path(paths["PGSERVICEFILE"])
        assert "hunter2" in file.read_text()
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert not file.exists()
