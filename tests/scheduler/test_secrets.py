"""What a stack must keep to itself is in no log, table, note, message or command line of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import stat
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import pytest
from psycopg import sql

from local.environment import PYTHON
from tests.conftest import warm
from tests.scheduler.runs import command, log_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.stack import Stack

pytestmark = pytest.mark.slow

GIVEN = f"hunter2-{uuid.uuid4().hex}"
"""A password that somebody gives to a connection."""
TABLES = "select schemaname, tablename from pg_tables where schemaname in ('public', 'ops')"


def own_secrets(stack: Stack) -> dict[str, str]:
    """Return the passwords and keys of a stack, by the file that keeps each."""
    files = {path.name: path.read_text() for path in (stack.state.folder / "secrets").iterdir()}
    return {**files, "database": stack.postgres.password, "ui": stack.state.password(), "given": GIVEN}


def private_files(stack: Stack) -> set[Path]:
    folder = stack.state.folder
    return {*(folder / "secrets").iterdir(), stack.state.passwords, stack.state.postgres / "password"}


@contextlib.contextmanager
def changed(stack: Stack, connection: str, **values: Any) -> Iterator[None]:
    """Change an Airflow connection through the API for the duration of a block."""
    path = f"connections/{connection}"
    before = stack.api.get(path)
    same = {name: before[name] for name in ("connection_id", "conn_type")}
    restored = {"password": stack.postgres.password} if "password" in values else {}
    stack.api.patch(path, {**same, **values}, update_mask=list(values))
    try:
        yield
    finally:
        back = {name: before[name] for name in values} | restored
        stack.api.patch(path, {**same, **back}, update_mask=list(values))


BROKEN: Mapping[str, tuple[str, dict[str, Any], str]] = {
    "wrong password": ("postgres_taxi", {"password": GIVEN}, "refused the password"),
    "no such option": (
        "postgres_taxi",
        {"extra": json.dumps({"no_such_option": GIVEN})},
        "not a valid Postgres",
    ),
    "source with a password": (
        "nyc_tlc_default",
        {"extra": json.dumps({"sources": f"http://me:{GIVEN}@127.0.0.1:1"})},
        "is not a source",
    ),
    "signed source": (
        "nyc_tlc_default",
        {"extra": json.dumps({"sources": f"http://127.0.0.1:1/?X-Amz-Signature={GIVEN}"})},
        "is not a source",
    ),
}
"""A connection, what is changed in it, and what the failing task then says."""

WAREHOUSE = {"AIRFLOW_CONN_POSTGRES_TAXI": f"postgresql://taxi:{GIVEN}@127.0.0.1:1/taxi"}
SOURCES = {
    "AIRFLOW_CONN_NYC_TLC_DEFAULT": json.dumps({"conn_type": "nyc_tlc", "extra": {"sources": f"//{GIVEN}@x"}})
}
COMMANDS: tuple[tuple[str, dict[str, str]], ...] = (
    ("taxi load green 2021-01 --force", {}),
    ("taxi months", WAREHOUSE),
    ("taxi load green 2021-01", SOURCES),
    (f"taxi load green 2021-01 --source http://me:{GIVEN}@127.0.0.1:1", {}),
    ("dags backfill green_postgres -s 2021-01 --dry-run", {}),
)
"""Commands of Airflow with their environment. Their output at the level DEBUG is searched for secrets."""


def found_in(text: str, secrets: dict[str, str]) -> list[str]:
    return [name for name, secret in secrets.items() if secret in text]


def rows_with_a_secret(uri: str, secrets: dict[str, str]) -> list[tuple[str, list[str]]]:
    """Return the tables of a database that hold a secret in any column, and which ones."""
    found = []
    with psycopg.connect(uri) as connection:
        for name in connection.execute(TABLES).fetchall():
            table = sql.SQL("select t::text from {} as t").format(sql.Identifier(*name))
            text = "\n".join(row for (row,) in connection.execute(table))
            if held := found_in(text, secrets):
                found.append((".".join(name), held))
    return found


def contents(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the regular files below a folder, except those that a running program removes meanwhile."""
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISREG(path.lstat().st_mode):
                    yield path, path.read_bytes().decode("latin-1")


def test_a_file_that_vanishes_hides_no_other(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    found = contents(tmp_path)
    first, _ = next(found)
    shutil.rmtree(tmp_path / "c" if first.parent.name != "c" else tmp_path / "b")
    (tmp_path / "socket").symlink_to("/nowhere")
    assert len([*found]) == 1


def test_a_stack_keeps_its_secrets(
    running_stack: Stack, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stack, secrets = running_stack, own_secrets(running_stack)
    assert len(set(secrets.values())) == len(secrets) >= 5
    assert {path.stat().st_mode & 0o777 for path in private_files(stack)} == {0o600}

    run = stack.api.trigger("green_postgres", {"month": "2021-01", "force": True})
    lines = set()
    while stack.api.run("green_postgres", run)["state"] not in {"success", "failed"}:
        time.sleep(0.2)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                lines.add(" ".join(process.cmdline()))
    assert stack.api.run("green_postgres", run)["state"] == "success"
    assert any("airflow" in line for line in lines)
    assert found_in("\n".join(lines), secrets) == []

    for name, (connection, values, says) in BROKEN.items():
        with changed(stack, connection, **values):
            run = stack.api.trigger("green_postgres", {"month": "2021-02", "force": True})
            assert stack.api.wait("green_postgres", run) == "failed", name
        failed = [
            task["task_id"] for task in stack.api.tasks("green_postgres", run) if task["state"] == "failed"
        ]
        assert re.search(says, log_of(stack, "green_postgres", run, failed[0])), name

    chatty = stack.environment() | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG"}
    with warm(PYTHON, tmp_path / "airflow", environment=chatty) as program:
        for line, more in COMMANDS:
            done = command(stack, "env", *(f"{n}={v}" for n, v in more.items()), program, *line.split())
            assert done.stdout + done.stderr, line
            assert found_in(done.stdout + done.stderr, secrets) == [], (line, more)
    assert found_in("".join(capfd.readouterr()), secrets) == []  # what it logs while it is imported

    assert rows_with_a_secret(stack.metadata_uri, secrets) == []
    assert rows_with_a_secret(stack.warehouse_uri, secrets) == []
    kept, private = dict(contents(stack.folder)), private_files(stack)
    assert any(path.suffix == ".log" for path in kept)
    leaks = {str(path): found_in(text, secrets) for path, text in kept.items() if path not in private}
    assert {path: names for path, names in leaks.items() if names} == {}
