"""Background processes: found again, ended whole, never mistaken for others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from local import process
from local.process import Background, ProcessFailed, uninterrupted
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLEEP = "import time; time.sleep(120)"
WITH_CHILDREN = f"""
import os, subprocess, sys, time
own_group = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], process_group=0)
own_session = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True)
if os.fork() == 0:
    time.sleep(120)
print(own_group.pid, own_session.pid, flush=True)
time.sleep(120)
"""
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Background]:
    part = Background("part", tmp_path / "processes")
    yield part
    part.stop(patience=0)


def start(part: Background, code: str) -> None:
    part.start((sys.executable, "-c", code), os.environ, part.folder.parent)


def wait_for_line(part: Background) -> str:
    text: str = eventually(part.tail)
    return text


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def gone_soon(pid: int) -> bool:
    return bool(eventually(lambda: not alive(pid)))


def test_it_runs_until_it_is_stopped_and_stopping_again_is_no_error(part: Background) -> None:
    assert not part.running()
    start(part, SLEEP)
    assert part.running()
    assert part.alive()
    part.stop()
    part.stop()
    assert not part.running()
    assert not part.alive()


def test_starting_it_twice_starts_it_once(part: Background) -> None:
    start(part, SLEEP)
    first = part._session
    start(part, SLEEP)
    assert part._session == first


def test_children_in_groups_and_sessions_of_their_own_are_ended_too(part: Background) -> None:
    start(part, WITH_CHILDREN)
    children = [int(pid) for pid in wait_for_line(part).split()]
    assert all(alive(pid) for pid in children)
    part.stop(patience=1)
    assert all(gone_soon(pid) for pid in children)


def test_what_a_killed_program_left_behind_is_found_and_ended(part: Background) -> None:
    start(part, WITH_CHILDREN)
    own_group = int(wait_for_line(part).split()[0])
    session = part._session
    assert session is not None
    os.kill(session, signal.SIGKILL)
    assert gone_soon(session)
    assert part.running()
    assert not part.alive()
    part.stop(patience=0.2)
    assert not part.running()
    assert gone_soon(own_group)


def test_starting_a_killed_program_again_ends_what_it_left_behind_at_once(
    part: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []
    gone_within = process._gone_within

    def noted(seconds: float, *more: Any) -> bool:
        given.append(seconds)
        return gone_within(seconds, *more)

    monkeypatch.setattr(process, "_gone_within", noted)
    start(part, WITH_CHILDREN)
    own_group = int(wait_for_line(part).split()[0])
    session = part._session
    assert session is not None
    os.kill(session, signal.SIGKILL)
    assert gone_soon(session)
    start(part, SLEEP)
    assert given[0] == 0, "nobody is there who could be asked to end"
    assert part.alive()
    assert part._session != session
    assert gone_soon(own_group)


def test_a_program_that_does_not_listen_is_killed(part: Background) -> None:
    start(part, STUBBORN)
    wait_for_line(part)
    part.stop(patience=0.2)
    assert not part.running()


def test_another_program_with_a_recycled_process_id_is_left_alone(part: Background) -> None:
    start(part, SLEEP)
    part.stop()
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        part._identity.write_text(json.dumps({"session": other.pid}))
        assert not part.running()
        part.stop(patience=0)
        assert other.poll() is None
        other.kill()


def test_the_log_of_the_start_before_is_kept(part: Background) -> None:
    for word in ("first", "second"):
        start(part, f"print({word!r}, flush=True); {SLEEP}")
        wait_for_line(part)
        part.stop()
    assert part.tail() == "second"
    assert part.log.with_suffix(".log.1").read_text() == "first\n"


def test_a_command_that_does_not_exist_is_said(part: Background) -> None:
    with pytest.raises(ProcessFailed, match="part cannot be started"):
        part.start(("/no/such/program",), os.environ, part.folder.parent)
    assert not part.running()


def test_an_interrupt_waits_for_what_must_be_whole() -> None:
    done = []

    def interrupted() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("whole")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["whole"]


def test_a_program_started_meanwhile_can_be_ended(part: Background) -> None:
    """Held back signals are not masked, since a mask would be inherited."""
    with uninterrupted():
        start(part, SLEEP)
    session = part._session
    assert session is not None
    os.kill(session, signal.SIGTERM)
    assert gone_soon(session)
