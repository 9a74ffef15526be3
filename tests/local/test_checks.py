"""What a machine lacks, and invalid settings, are reported in one sentence."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from local import demo
from local.checks import CheckFailed, check_machine, check_port
from local.stack import Stack
from local.state import Ports, Settings, State, listening
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_a_port_that_is_taken_is_named_with_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CheckFailed) as failed:
            check_port(port, "demo")
    assert str(failed.value) == (
        f"Another program uses port {port}. Choose another one: make demo PORT={port + 1}"
    )


def test_a_port_that_is_free_is_fine() -> None:
    check_port(Ports.free().ui, "demo")


@pytest.mark.parametrize("port", [80, 70000])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(CheckFailed, match="1024 to 65535"):
        check_port(port, "demo")


def test_a_full_disk_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_500_000_000))
    check_machine(tmp_path, first=False)
    with pytest.raises(CheckFailed, match=r"1,500 MB of free disk space, but 2,000 MB are needed"):
        check_machine(tmp_path, first=True)


def test_what_the_user_gives_to_make_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PORT": "9090", "ROWS": "10", "MONTHS": "2020-01", "SOURCE": "mirror"}.items():
        monkeypatch.setenv(name, value)
    settings = demo.chosen(Settings())
    assert settings == Settings(Ports(ui=9090), source="mirror, tlc", rows=10, months="2020-01")
    state = State(tmp_path / "demo")
    assert not state.exists()
    state.remember(settings)
    assert state.exists()
    for name in ("PORT", "ROWS", "MONTHS", "SOURCE"):
        monkeypatch.delenv(name)
    assert demo.chosen(state.settings()) == settings


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "http", "PORT=http is not a whole number"),
        ("ROWS", "0", "ROWS=0 is not a whole number above 0"),
        ("MONTHS", "2021-13", "'2021-13' is not a month"),
        ("MONTHS", "2021-03..2021-01", "its last month is before its first"),
        ("MONTHS", "2021-01..", "no end"),
        ("SOURCE", "ftp://somewhere", "ftp"),
    ],
)
def test_a_value_that_makes_no_sense_is_one_sentence(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("PORT", "ROWS", "MONTHS", "SOURCE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(CheckFailed, match=says) as failed:
        demo.chosen(Settings())
    assert "\n" not in str(failed.value)


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[Stack]:
    """A stack of which only the api-server runs, and has the UI's port."""
    stack = Stack(tmp_path, Settings(Ports.free()))
    component = stack.component("api-server")
    listen = (
        "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"
    )
    component.start((sys.executable, "-c", listen, str(stack.settings.ports.ui)), os.environ, tmp_path)
    eventually(lambda: listening(stack.settings.ports.ui))
    yield stack
    component.stop(patience=0)


def test_the_api_server_of_a_stack_that_runs_in_part_keeps_its_port(api_server: Stack) -> None:
    assert demo.on_its_ports(api_server, api_server.settings, "up") is api_server


def test_a_stack_that_runs_in_part_is_not_moved(api_server: Stack) -> None:
    moved = Stack(api_server.folder, Settings(Ports.free()))
    with pytest.raises(
        CheckFailed, match=r"The demo runs on port \d+\. To move it: make down, then make up PORT="
    ):
        demo.on_its_ports(moved, api_server.settings, "up")


def test_the_port_of_an_api_server_that_died_may_be_taken_by_another_program(tmp_path: Path) -> None:
    stack = Stack(tmp_path, Settings(Ports.free()))
    other = stack.component("scheduler")
    other.start((sys.executable, "-c", "import time; time.sleep(600)"), os.environ, tmp_path)
    try:
        with socket.create_server(("127.0.0.1", stack.settings.ports.ui)), pytest.raises(CheckFailed):
            demo.on_its_ports(stack, stack.settings, "up")
        assert demo.on_its_ports(stack, stack.settings, "up") is stack
    finally:
        other.stop(patience=0)
