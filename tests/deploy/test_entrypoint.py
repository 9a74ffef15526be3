"""entrypoint.sh waits for init, then runs the command that it was given."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
from psycopg import sql
from psycopg2.extensions import parse_dsn
from sqlalchemy import make_url

from nyc_taxi.deploy.last_applied import NAME
from nyc_taxi.deploy.leftovers import remove_leftovers
from nyc_taxi.deploy.metadata import completed, dsn
from nyc_taxi.errors import BootstrapFailed
from tests.deploy.conftest import ENTRYPOINT, METADATA, Inits, Place
from tests.waiting import HANGS, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOWHERE = "postgresql://a:b@127.0.0.1:1/none"


@pytest.fixture(scope="module")
def ready(place: Place, migrated: str, inits: Inits) -> Place:
    """The place after an init."""
    place.renew(METADATA, migrated)
    ended = inits.run(NYC_TAXI_WAREHOUSE_HOST="")
    assert ended.code == 0, ended.output
    return place


@pytest.fixture
def stub(tmp_path: Path, place: Place) -> str:
    """A PATH on which ``airflow`` is a program that tells its arguments and ends."""
    program = tmp_path / "programs" / "airflow"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nprintf '%s|' airflow \"$@\"\n")
    program.chmod(0o755)
    return f"{program.parent}:{place.environment()['PATH']}"


@pytest.fixture
def started(place: Place) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts entrypoint.sh in the background; what is left of it is killed in the end."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            (ENTRYPOINT, *arguments),
            env=place.environment() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
        process.communicate()


def test_without_a_command_it_says_what_it_knows(place: Place) -> None:
    ended = place.run(ENTRYPOINT)
    assert ended.code == 2
    assert ended.output.startswith("Usage: ")


@pytest.mark.parametrize("prefix", [(), ("airflow",)])
def test_any_other_command_is_airflow_s_with_or_without_its_name(
    prefix: tuple[str, ...], ready: Place, stub: str
) -> None:
    command = ("dags", "backfill", "green_postgres", "-s", "2021-01-01", "--conf", '{"a": "b c"}')
    ended = ready.run(ENTRYPOINT, *prefix, *command, PATH=stub)
    assert ended.code == 0
    assert ended.output == "|".join(("airflow", *command, ""))


@pytest.mark.parametrize("program", ["bash", "sh", "python"])
def test_a_shell_or_python_does_not_wait(program: str, place: Place) -> None:
    ended = place.run(ENTRYPOINT, program, "-c", "print('it')" if program == "python" else "echo it")
    assert ended.output == "it\n"


def test_dbt_is_the_one_that_the_dags_use(place: Place) -> None:
    ended = place.run(ENTRYPOINT, "dbt", "build", AIRFLOW__NYC_TAXI__DBT_PROGRAM="/bin/echo")
    assert ended.output == "build\n"


@pytest.mark.parametrize("command", ["version", "scheduler --help", "dags backfill -h"])
def test_what_needs_no_database_does_not_wait(place: Place, stub: str, command: str) -> None:
    words = command.split()
    ended = place.run(ENTRYPOINT, *words, PATH=stub, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=NOWHERE)
    assert ended.output == "|".join(("airflow", *words, ""))


def test_a_command_ends_with_a_sentence_when_init_does_not_come(place: Place, stub: str) -> None:
    environment = {"PATH": stub, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": NOWHERE}
    ended = place.run(ENTRYPOINT, "dags", "list", BOOTSTRAP_WAIT="3", **environment)
    assert ended.code == 1
    first, last = ended.output.splitlines()
    assert first.startswith("Waiting for entrypoint.sh init: Airflow's database cannot be read")
    assert last.startswith(
        "entrypoint.sh init did not complete within 3 s: Airflow's database cannot be read"
    )
    assert place.run(ENTRYPOINT, "dags", BOOTSTRAP_WAIT="0", **environment).output == "airflow|dags|"


def test_a_command_waits_until_init_of_these_versions_is_complete(
    ready: Place, stub: str, started: Callable[..., subprocess.Popen[str]]
) -> None:
    def describe(text: str) -> None:
        with psycopg.connect(ready.uri, autocommit=True) as connection:
            connection.execute("update variable set description = %s where key = %s", (text, NAME))

    describe(completed().replace("provider-nyc-taxi ", "provider-nyc-taxi 9."))
    waiting = started("dags", "list", PATH=stub)
    assert waiting.stdout
    assert "it has not completed for the installed versions" in waiting.stdout.readline()
    assert waiting.poll() is None
    describe(completed())
    assert waiting.stdout.read() == "airflow|dags|list|"
    assert waiting.wait() == 0


def test_a_command_waits_where_nothing_was_ever_set_up(
    place: Place, databases: psycopg.Connection, stub: str
) -> None:
    uri = place.server.uri("postgres").replace("postgresql:", "postgresql+psycopg2:")
    ended = place.run(
        ENTRYPOINT, "dags", PATH=stub, BOOTSTRAP_WAIT="0.1", AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=uri
    )
    assert "init did not complete within 0.1 s: it has not run yet." in ended.output


def test_waiting_loads_neither_airflow_nor_sqlalchemy(ready: Place) -> None:
    code = (
        "import os, sys; from nyc_taxi.deploy.start import wait_for_init; wait_for_init(os.environ); "
        "print({'airflow', 'sqlalchemy', 'yaml'} & {*sys.modules})"
    )
    assert ready.run(sys.executable, "-c", code).output == "set()\n"


def test_an_address_that_only_airflow_knows_is_asked_from_airflow(ready: Place, stub: str) -> None:
    uri = ready.environment()["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    command = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": f"printf %s {uri}"}
    environment = ready.environment() | command | {"PATH": stub}
    del environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    done = subprocess.run((ENTRYPOINT, "dags"), env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("airflow|dags|"), done


def test_the_password_of_airflow_s_database_may_be_in_a_file_that_everybody_can_read(
    ready: Place, stub: str, tmp_path: Path
) -> None:
    password = "p@ss:w\\ord/#% $'\"x"
    secret, copy = tmp_path / "secret", tmp_path / "pgpass"
    secret.write_text(f"{password}\n")
    role = "init_file"
    create = sql.SQL("create role {} superuser login password {}")
    ready.databases.execute(create.format(sql.Identifier(role), sql.Literal(password)))
    environment = {
        "PATH": stub,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{role}@127.0.0.1:{ready.server.port}/{METADATA}",
        "METADATA_PASSWORD_FILE": str(secret),
        "PGPASSFILE": str(copy),
    }
    try:
        ended = ready.run("bash", "-x", ENTRYPOINT, "dags", **environment)
        assert ended.output.endswith("airflow|dags|")
        assert password not in ended.output
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        secret.write_text("another")
        assert (
            "password authentication failed"
            in ready.run(ENTRYPOINT, "dags", BOOTSTRAP_WAIT="0.1", **environment).output
        )
    finally:
        ready.databases.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


@pytest.mark.parametrize("password", ["p:w", "p?w", "p#w", "p%40ss%2Fw%25"])
def test_the_address_of_airflow_s_database_is_understood_as_airflow_does(password: str) -> None:
    uri = f"postgresql+psycopg2://taxi:{password}@db.example:5433/airflow?sslmode=require"
    found = parse_dsn(dsn({"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": uri}))
    url = make_url(uri)
    assert found == {
        "host": url.host,
        "port": str(url.port),
        "user": url.username,
        "password": url.password,
        "dbname": url.database,
        **url.query,
    }


@pytest.mark.parametrize("password", ["p@ss", "p@s/s", "p@s?s#w", "@"])
def test_a_password_with_an_at_is_one_sentence_that_shows_no_part_of_it(password: str) -> None:
    uri = f"postgresql+psycopg2://airflow:{password}@metadata/airflow"
    with pytest.raises(BootstrapFailed) as failed:
        dsn({"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": uri})
    assert str(failed.value) == (
        "The password in AIRFLOW__DATABASE__SQL_ALCHEMY_CONN contains an @. Write it as %40, or leave the "
        "password out there and set PGPASSWORD."
    )


@pytest.mark.parametrize(
    "uri", ["", "sqlite:////tmp/airflow.db", *(f"postgresql://taxi:{p}@db/airflow" for p in ("1/w", "p/w"))]
)
def test_an_address_that_libpq_would_misread_is_left_to_airflow(uri: str) -> None:
    assert dsn({"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": uri}) is None


def test_a_scheduler_waits_until_the_api_of_tasks_answers(
    ready: Place, stub: str, started: Callable[..., subprocess.Popen[str]]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as api:
        url = f"http://127.0.0.1:{api.getsockname()[1]}/execution/"
        waiting = started("scheduler", PATH=stub, AIRFLOW__CORE__EXECUTION_API_SERVER_URL=url)
        assert waiting.stdout
        for status in ("503 Service Unavailable", "200 OK"):
            client, _ = api.accept()
            with client:
                assert client.recv(99).startswith(b"GET /execution/health ")
                client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        line, last = waiting.stdout.read().splitlines()
    assert line == "Waiting for the API server: it answers with status 503 (0 of 300 s)."
    assert last == "airflow|scheduler|"


def test_a_scheduler_whose_api_does_not_answer_ends_with_a_sentence(ready: Place, stub: str) -> None:
    url = "http://127.0.0.1:1/execution/"
    ended = ready.run(
        ENTRYPOINT,
        "scheduler",
        PATH=stub,
        BOOTSTRAP_WAIT="0.1",
        AIRFLOW__CORE__EXECUTION_API_SERVER_URL=url,
    )
    assert ended.code == 1
    assert ended.output.splitlines()[-1] == (
        f"The API server {url} did not answer within 0.1 s: Connection refused. "
        "Start entrypoint.sh api-server, or correct AIRFLOW__CORE__EXECUTION_API_SERVER_URL."
    )


def test_a_starting_scheduler_removes_what_killed_tasks_and_past_days_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, new, other = (tmp_path / name for name in ("nyc-taxi-old", "nyc-taxi-new", "of-another-program"))
    for folder in (old, new, other):
        (folder / "deep").mkdir(parents=True)
    logs = tmp_path / "home" / "logs"
    for name in ("run=1/old.log", "run=2/old.log", "run=2/new.log"):
        (logs / name).parent.mkdir(parents=True, exist_ok=True)
        (logs / name).touch()
    for path in (old, other, *logs.rglob("old.log")):
        os.utime(path, (0, 0))

    remove_leftovers({"AIRFLOW_HOME": str(tmp_path / "home")})
    assert {path.name for path in tmp_path.iterdir()} == {"nyc-taxi-new", "of-another-program", "home"}
    assert len(list(logs.rglob("old.log"))) == 2

    remove_leftovers({"AIRFLOW_HOME": str(tmp_path / "home"), "NYC_TAXI_LOG_DAYS": "30"})
    assert [str(path.relative_to(logs)) for path in sorted(logs.rglob("*"))] == ["run=2", "run=2/new.log"]


def test_the_admin_s_password_is_in_place_before_the_api_server_starts(
    ready: Place, stub: str, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps({"vic": "kept", "admin": "earlier"}))
    passwords.chmod(0o644)
    password = 'a"b\\c\n$HOME ü'
    secret = tmp_path / "secret"
    secret.write_text(f"{password}\n")
    environment = {
        "PATH": stub,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "NYC_TAXI_ADMIN_PASSWORD": "",
        "NYC_TAXI_ADMIN_PASSWORD_FILE": str(secret),
    }
    assert ready.run(ENTRYPOINT, "scheduler", **environment).output == "airflow|scheduler|"
    assert json.loads(passwords.read_text())["admin"] == "earlier"
    assert ready.run(ENTRYPOINT, "api-server", **environment).output == "airflow|api-server|"
    assert json.loads(passwords.read_text()) == {"vic": "kept", "admin": password}
    assert stat.S_IMODE(passwords.stat().st_mode) == 0o600
    assert {file.name for file in tmp_path.iterdir() if file.is_file()} == {"passwords.json", "secret"}


def test_without_a_password_airflow_makes_one_up(ready: Place, stub: str, tmp_path: Path) -> None:
    passwords = tmp_path / "passwords.json"
    environment = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords)}
    ended = ready.run(ENTRYPOINT, "api-server", PATH=stub, NYC_TAXI_ADMIN_PASSWORD="", **environment)
    assert ended.output == "airflow|api-server|"
    assert not passwords.exists()


def test_a_file_of_passwords_that_cannot_be_written_is_one_sentence(
    ready: Place, stub: str, tmp_path: Path
) -> None:
    passwords = tmp_path / "no folder" / "passwords.json"
    environment = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords)}
    ended = ready.run(ENTRYPOINT, "api-server", PATH=stub, **environment)
    assert ended.code == 1
    assert ended.output.startswith(f"Cannot write the password file {passwords}: No such file")


def test_tracing_the_script_shows_no_secret(ready: Place, stub: str) -> None:
    ended = ready.run("bash", "-x", ENTRYPOINT, "scheduler", PATH=stub)
    assert "+ exec python -m nyc_taxi.deploy start scheduler" in ended.output


def test_a_signal_ends_the_waiting(
    place: Place, stub: str, started: Callable[..., subprocess.Popen[str]]
) -> None:
    waiting = started("scheduler", PATH=stub, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=NOWHERE)
    assert waiting.stdout
    waiting.stdout.readline()
    waiting.send_signal(signal.SIGTERM)
    assert waiting.wait(timeout=HANGS) == 128 + signal.SIGTERM


def test_a_signal_reaches_airflow(
    ready: Place, stub: str, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    (tmp_path / "programs" / "airflow").write_text("#!/bin/sh\nexec sleep 600\n")
    scheduler = started("scheduler", PATH=stub)
    eventually(lambda: psutil.Process(scheduler.pid).name() == "sleep")
    scheduler.send_signal(signal.SIGTERM)
    assert scheduler.wait(HANGS) == -signal.SIGTERM


def watches(pid: int) -> bool:
    """Whether a process watches files; where that is told nowhere, it has time to begin."""
    told = Path(f"/proc/{pid}/fdinfo")
    if not told.is_dir():
        time.sleep(2)
        return True
    try:
        return any("inotify wd:" in file.read_text() for file in told.iterdir())
    except OSError:  # of a file that was just closed
        return False


def test_a_changed_source_ends_a_component_so_that_its_container_is_restarted(
    ready: Place, stub: str, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    # It ignores a signal while it starts, as Airflow's components do.
    (tmp_path / "programs" / "airflow").write_text(
        "#!/bin/sh\ntrap 'exec sleep 601' TERM\nwhile :; do sleep 0.2; done\n"
    )
    component = started(
        "triggerer", PATH=stub, NYC_TAXI_RELOAD="1", AIRFLOW__CORE__PLUGINS_FOLDER=str(plugins)
    )
    process = psutil.Process(component.pid)
    eventually(lambda: process.name() == "airflow")
    (watcher,) = (child for child in process.children() if child.name() != "sleep")
    eventually(lambda: watches(watcher.pid))
    (plugins / "module.pyc").write_text("x")
    time.sleep(1)
    assert component.poll() is None
    (plugins / "module.py").write_text("x")
    assert component.wait(HANGS) == -signal.SIGTERM
    watcher.kill()
