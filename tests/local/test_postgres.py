"""The embedded Postgres: its user, the permissions that it leaves alone, crashes and errors."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from local import postgres
from local.postgres import EmbeddedPostgres, PostgresFailed
from local.state import Ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the user")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    home = tmp_path / "closed" / "postgres"
    home.parent.mkdir(mode=0o700)
    server = EmbeddedPostgres(home, Ports.free().postgres, (("fsync", "off"),))
    yield server
    server.remove()


def answers(server: EmbeddedPostgres) -> bool:
    with psycopg.connect(server.uri("postgres")) as connection:
        return connection.execute("select 1").fetchone() == (1,)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@as_root
def test_root_s_server_works_inside_a_closed_folder_and_leaves_its_mode(server: EmbeddedPostgres) -> None:
    closed = server.home.parent
    server.start()
    assert answers(server)
    assert mode(closed) == 0o700
    assert mode(closed.parent) == 0o700
    assert (server.home / "data").stat().st_uid == 65534


@as_root
def test_without_the_capability_root_s_server_lives_in_a_folder_that_it_removes(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_runs_in_place", lambda binaries: False)
    before = os.umask(0o077)
    server.start()
    os.umask(before)
    place = server._place
    assert answers(server)
    assert place.parent.as_posix() == "/var/tmp"
    assert not (server.home / "data").exists()
    assert mode(server.home.parent) == 0o700
    server.remove()
    assert not place.exists()


@as_root
def test_without_the_capability_a_folder_of_somebody_else_is_refused(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_runs_in_place", lambda binaries: False)
    server._place.mkdir()
    os.chown(server._place, 65534, 65534)
    with pytest.raises(PostgresFailed, match="belongs to another user"):
        server.start()


@as_root
def test_root_without_setpriv_is_told_so(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    postgres._runs_in_place.cache_clear()
    with pytest.raises(PostgresFailed, match="Run this as an ordinary user"):
        server.start()


def test_a_port_that_is_taken_is_said_in_one_sentence(server: EmbeddedPostgres, tmp_path: Path) -> None:
    server.start()
    second = EmbeddedPostgres(tmp_path / "second", server.port)
    with pytest.raises(PostgresFailed) as failed:
        second.start()
    assert str(failed.value) == f"Postgres cannot use port {server.port}, because another program does."
    second.remove()


def test_starting_and_stopping_twice_is_no_error(server: EmbeddedPostgres) -> None:
    server.stop()
    server.start()
    server.start()
    assert server.running()
    server.stop()
    server.stop()
    assert not server.running()


def test_what_was_written_is_there_after_a_crash(server: EmbeddedPostgres) -> None:
    server.start()
    server.create_database("kept")
    server.create_database("kept")
    server.stop("immediate")
    server.start()
    with psycopg.connect(server.uri("kept")) as connection:
        assert connection.info.dbname == "kept"


def test_a_server_whose_main_process_was_killed_is_started_again_at_once(server: EmbeddedPostgres) -> None:
    server.start()
    with psycopg.connect(server.uri("postgres")) as busy:
        pid = server._pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while server.running():
            time.sleep(0.001)
        server.start()
        assert answers(server)
        assert server._pid() != pid
        with pytest.raises(psycopg.OperationalError):
            busy.execute("select 1")


def test_nothing_is_started_while_another_process_works_on_the_data(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    pid = server._pid()
    (server._data / "postmaster.pid").unlink()
    monkeypatch.setattr(postgres, "_PATIENCE", 0.1)
    with pytest.raises(PostgresFailed, match=rf"still use .*: .*\b{pid}\b"):
        server.start()
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)


def test_an_initialisation_that_was_cut_short_is_begun_again(server: EmbeddedPostgres) -> None:
    unfinished = server._place / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    server.start()
    assert answers(server)


def test_a_process_id_that_was_given_away_is_no_server(server: EmbeddedPostgres) -> None:
    server.start()
    identity = server._place / "data" / "postmaster.pid"
    lines = identity.read_text().splitlines()
    server.stop("immediate")
    with subprocess.Popen(["sleep", "60"]) as other:
        identity.write_text("\n".join([str(other.pid), *lines[1:]]))
        assert not server.running()
        server.start()
        assert answers(server)
        assert other.poll() is None
        other.kill()


def test_only_the_owner_reads_the_password(server: EmbeddedPostgres) -> None:
    assert len(server.password) > 20
    assert server.password == server.password
    assert mode(server.home / "password") == 0o600
