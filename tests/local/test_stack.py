"""The settings and ports of a stack, before anything is started."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import astuple, replace
from typing import TYPE_CHECKING

import pytest

from local.stack import Stack, StackFailed
from local.state import Ports, Settings

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO


def test_ports_that_others_have_are_replaced_everywhere(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        wanted = Ports(ui=8080, postgres=taken, files=Ports.free().files)
        stack = Stack(tmp_path, Settings(wanted))
        assert not stack.any_running()
        moved = stack.on_free_ports()
    assert moved.settings.ports.ui == 8080
    assert moved.settings.ports.files == wanted.files
    assert moved.settings.ports.postgres != taken
    assert moved.postgres.port == moved.settings.ports.postgres
    assert str(moved.settings.ports.postgres) in moved.warehouse_uri
    assert moved.environment()["PGPORT"] == str(moved.settings.ports.postgres)


@pytest.mark.parametrize("part", ["postgres", "files"])
def test_a_ui_port_that_another_part_has_by_default_is_the_ui_s(tmp_path: Path, part: str) -> None:
    free = Ports.free()
    chosen = replace(free, ui=getattr(free, part))
    moved = Stack(tmp_path, Settings(chosen)).on_free_ports().settings.ports
    assert moved.ui == chosen.ui
    assert len(set(astuple(moved))) == len(astuple(moved))


def test_two_parts_do_not_get_one_port() -> None:
    free = Ports.free()
    moved = Ports(free.ui, free.postgres, free.postgres).with_free()
    assert (moved.ui, moved.postgres) == (free.ui, free.postgres)
    assert moved.files not in astuple(free)[:2]


def test_only_one_command_at_a_time_starts_or_stops_a_stack(tmp_path: Path) -> None:
    stack = Stack(tmp_path, Settings())
    with (
        stack.locked(),
        pytest.raises(StackFailed, match="is running here"),
        Stack(tmp_path, Settings()).locked(),
    ):
        pass
    with stack.locked():
        pass


def test_secrets_are_the_owner_s_alone_and_stay_the_same(tmp_path: Path) -> None:
    stack = Stack(tmp_path, Settings(Ports.free()))
    first, second = stack.environment(), stack.environment()
    assert first == second
    assert stack.state.password() == stack.state.password()
    secrets = [*(tmp_path / "secrets").iterdir(), stack.state.passwords, stack.state.postgres / "password"]
    assert len(secrets) == 5
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}


def test_the_user_s_own_airflow_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AIRFLOW_CONN_POSTGRES_TAXI",
        "AIRFLOW__CORE__DAGS_FOLDER",
        "PGSERVICE",
        "PYTHONDONTWRITEBYTECODE",
    ):
        monkeypatch.setenv(name, "of the user")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    environment = Stack(tmp_path, Settings()).environment()
    assert "of the user" not in environment.values()
    assert environment["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert "127.0.0.1" in environment["NO_PROXY"].split(",")
    assert environment["AIRFLOW_HOME"] == str(tmp_path / "airflow")


def test_the_demo_s_sources_are_its_own_server_unless_another_one_is_chosen(tmp_path: Path) -> None:
    local, public = Stack(tmp_path, Settings()), Stack(tmp_path, Settings(source="mirror, tlc"))
    assert local.environment()["NYC_TAXI_SOURCES"] == local.files_url
    assert local.environment()["NYC_TAXI_PRODUCTS_URL"] == local.files_url
    assert public.environment()["NYC_TAXI_SOURCES"] == "mirror, tlc"


@pytest.mark.parametrize("code", [0, 1])
def test_a_start_reports_what_init_kept_of_a_person_s_edits(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attention = "Attention: postgres_load: The pool postgres_load has no slots."
    kept = "Kept connection c: it was edited in Airflow. Set BOOTSTRAP_OVERWRITE=1 to apply the files."

    def init(command: tuple[str, ...], *, stdout: IO[str], **_: object) -> subprocess.CompletedProcess[str]:
        stdout.write(f"Created pool p.\n{attention}\n{kept}\n")
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(subprocess, "run", init)
    stack = Stack(tmp_path, Settings(Ports.free()))
    said: list[str] = []
    if code:
        with pytest.raises(StackFailed, match=f"Created pool p.\n{attention}\n{kept}"):
            stack.init(said.append)
    else:
        stack.init(said.append)
        assert said == [attention, kept]
