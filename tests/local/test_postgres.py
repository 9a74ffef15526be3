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


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server that is initialised once, in whatever state the test before has left it."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("kept"), Ports.free().postgres, (("fsync", "off"),))
    yield server
    server.remove()


@pytest.fixture
def closed_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's programs are in a folder that only root can reach, as in a checkout below ``/root``."""
    closed, binaries = tmp_path / "programs", postgres._binaries()
    closed.mkdir(mode=0o700)
    package = binaries.parents[1]
    for installed in package.parent.glob(f"{package.name}*"):
        (closed / installed.name).symlink_to(installed)
    monkeypatch.setattr(postgres, "_binaries", lambda: closed / binaries.relative_to(package.parent))


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
@pytest.mark.usefixtures("closed_programs")
def test_with_programs_in_a_closed_folder_root_s_server_lives_in_a_folder_that_it_removes(
    server: EmbeddedPostgres,
) -> None:
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
@pytest.mark.usefixtures("closed_programs")
def test_a_folder_of_somebody_else_is_refused(server: EmbeddedPostgres) -> None:
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


def test_a_port_that_is_taken_is_said_in_one_sentence(kept: EmbeddedPostgres, tmp_path: Path) -> None:
    kept.start()
    second = EmbeddedPostgres(tmp_path / "second", kept.port)
    with pytest.raises(PostgresFailed) as failed:
        second.start()
    assert str(failed.value) == f"Postgres cannot use port {kept.port}, because another program does."
    second.remove()


def test_starting_and_stopping_twice_is_no_error(kept: EmbeddedPostgres) -> None:
    kept.stop()
    kept.start()
    kept.start()
    assert kept.running()
    kept.stop()
    kept.stop()
    assert not kept.running()


def test_what_was_written_is_there_after_a_crash(kept: EmbeddedPostgres) -> None:
    kept.start()
    kept.create_database("kept")
    kept.create_database("kept")
    kept.stop("immediate")
    kept.start()
    with psycopg.connect(kept.uri("kept")) as connection:
        assert connection.info.dbname == "kept"


def test_a_server_whose_main_process_was_killed_is_started_again_at_once(kept: EmbeddedPostgres) -> None:
    kept.start()
    with psycopg.connect(kept.uri("postgres")) as busy:
        pid = kept._pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while kept.running():
            time.sleep(0.001)
        kept.start()
        assert answers(kept)
        assert kept._pid() != pid
        with pytest.raises(psycopg.OperationalError):
            busy.execute("select 1")


def test_nothing_is_started_while_another_process_works_on_the_data(
    kept: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.start()
    pid = kept._pid()
    (kept._data / "postmaster.pid").unlink()
    monkeypatch.setattr(postgres, "_PATIENCE", 0.1)
    with pytest.raises(PostgresFailed, match=rf"still use .*: .*\b{pid}\b"):
        kept.start()
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)


def test_an_initialisation_that_was_cut_short_is_begun_again(server: EmbeddedPostgres) -> None:
    unfinished = server._place / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    server.start()
    assert answers(server)


def test_a_process_id_that_was_given_away_is_no_server(kept: EmbeddedPostgres) -> None:
    kept.start()
    identity = kept._place / "data" / "postmaster.pid"
    lines = identity.read_text().splitlines()
    kept.stop("immediate")
    with subprocess.Popen(["sleep", "60"]) as other:
        identity.write_text("\n".join([str(other.pid), *lines[1:]]))
        assert not kept.running()
        kept.start()
        assert answers(kept)
        assert other.poll() is None
        other.kill()


def test_only_the_owner_reads_the_password(server: EmbeddedPostgres) -> None:
    assert len(server.password) > 20
    assert server.password == server.password
    assert mode(server.home / "password") == 0o600
