"""The dashboard's questions to the warehouse, asked as Grafana asks them, by the role that it has there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors

from local.environment import CHECKOUT
from nyc_taxi.errors import TaxiError
from tests.trips import NEXT, green, load, published, stage, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.postgres import EmbeddedPostgres
    from nyc_taxi.postgres.warehouse import PostgresWarehouse

OBSERVABILITY = CHECKOUT / "compose" / "observability"
DASHBOARD = json.loads((OBSERVABILITY / "grafana" / "dashboards" / "loads.json").read_text("utf-8"))
QUESTIONS = {
    panel["title"]: target["rawSql"]
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
    if "rawSql" in target
}
PASSWORD = 'it\'s: a "secret" $1'


def as_grafana_expands_it(question: str) -> str:
    """Return a question with Grafana's macros replaced, for a time range of a day."""
    day = "between now() - interval '1 day' and now()"
    hour = r'floor(extract(epoch from \1) / 3600) * 3600 as "time"'
    question = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 {day}", question)
    question = re.sub(r"\$__timeGroupAlias\((\w+), '1h'\)", hour, question)
    assert "$__" not in question
    return question


def make_reader(server: EmbeddedPostgres, uri: str, password: str | None) -> subprocess.CompletedProcess[str]:
    """Run what the compose service runs before Grafana starts."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PG", "GRAFANA"))
    }
    if password is not None:
        environment["GRAFANA_READER_PASSWORD"] = password
    script = f"--file={OBSERVABILITY / 'reader.psql'}"
    return subprocess.run(
        [server.psql(), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", script, uri],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def grafana(
    postgres_server: EmbeddedPostgres, warehouse_uri: str, databases: psycopg.Connection
) -> Iterator[psycopg.Connection]:
    """Grafana's connection to the warehouse."""
    for _ in range(2):
        done = make_reader(postgres_server, warehouse_uri, PASSWORD)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with psycopg.connect(warehouse_uri, user="grafana", password=PASSWORD, autocommit=True) as connection:
        yield connection
    databases.execute("drop role grafana")


def ask(grafana: psycopg.Connection, panel: str) -> list[Any]:
    return grafana.execute(as_grafana_expands_it(QUESTIONS[panel]).encode()).fetchall()


def test_every_question_is_answered_with_what_the_ledger_knows(
    taxi_warehouse: PostgresWarehouse, grafana: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, rows=5)))
    with pytest.raises(TaxiError):
        stage(taxi_warehouse, published(write(tmp_path, b"VendorID\n1\n", "next.csv"), month=NEXT))

    assert ask(grafana, "Months in the warehouse") == [(1,)]
    assert ask(grafana, "Rows in the warehouse") == [(5,)]
    assert ask(grafana, "Failures") == [(1,)]
    ((age,),) = ask(grafana, "Newest entry in the ledger")
    assert 0 <= age < 60
    assert [row[1:] for row in ask(grafana, "Months loaded")] == [("green", 1)]
    ((_, dataset, seconds),) = ask(grafana, "Seconds of a load")
    assert (dataset, 0 < seconds < 60) == ("green", True)
    assert [row[:5] for row in ask(grafana, "Rows loaded and rejected")] == [("green", 1, 5, 5, 0)]
    ((_, _, month, outcome, reason),) = ask(grafana, "Last failures")
    assert (month, outcome) == (str(NEXT), "failed")
    assert "lpep_pickup_datetime" in reason


@pytest.mark.parametrize("panel", QUESTIONS)
def test_no_question_fails_on_an_empty_warehouse(panel: str, grafana: psycopg.Connection) -> None:
    ask(grafana, panel)


@pytest.mark.parametrize(
    "statement",
    ["delete from ops.file_ledger", "create table raw.mine ()", "set default_transaction_read_only = off; "
     "drop table ops.file_ledger"],
)  # fmt: skip
def test_grafana_can_write_nothing(statement: str, grafana: psycopg.Connection) -> None:
    with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
        grafana.execute(statement.encode())


@pytest.mark.parametrize("password", [None, ""])
def test_without_a_password_no_role_is_made(
    password: str | None,
    postgres_server: EmbeddedPostgres,
    warehouse_uri: str,
    databases: psycopg.Connection,
) -> None:
    done = make_reader(postgres_server, warehouse_uri, password)

    assert done.returncode
    assert "GRAFANA_READER_PASSWORD is empty. Set it." in done.stderr
    assert databases.execute("select count(*) from pg_roles where rolname = 'grafana'").fetchone() == (0,)
