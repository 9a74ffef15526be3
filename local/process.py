"""Background processes that are always found again and stopped whole, with all their children.

A process gets a session of its own and holds a lock for as long as it, or a child of it, lives. The
lock says whether something of it is left, so a recycled process id is never taken for ours; the
session says who belongs to it, also when a child has a process group of its own, as Airflow's tasks do.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import psutil

from local.errors import LocalError
from local.files import write_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


class ProcessFailed(LocalError):
    """A background process did not start, or does not end."""


@dataclass(frozen=True, slots=True)
class Background:
    """One program that runs in the background.

    :param name: what it is called in messages and file names
    :param folder: where its log and its identity are kept
    """

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        """What the program wrote, of this start and the one before."""
        return self.folder / f"{self.name}.log"

    def start(self, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> None:
        """Start the program; nothing happens when it runs.

        What a program that died has left behind is ended first: a killed scheduler leaves its workers,
        which would wait for ever.

        :raises ProcessFailed: when the command cannot be run, or something left behind does not end
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.alive():
            self.stop()
        with self._lock.open("a+") as lock:
            if not _taken(lock):
                return
            self._keep_one_old_log()
            with self.log.open("ab") as log, uninterrupted():
                try:
                    process = subprocess.Popen(
                        command,
                        env=dict(environment),
                        cwd=cwd,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                        pass_fds=(lock.fileno(),),
                    )
                except OSError as error:
                    raise ProcessFailed(f"{self.name} does not start: {error}") from error
                _started[process.pid] = process
                write_private(self._identity, json.dumps({"session": process.pid}))

    def running(self) -> bool:
        """Whether the program, or a child that it left behind, is alive."""
        for process in _started.values():
            process.poll()  # a child of ours that ended is not kept as a zombie
        try:
            with self._lock.open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def alive(self) -> bool:
        """Whether the program itself is alive, and not only something that it left behind."""
        session = self._session
        if session is None or not self.running():
            return False
        try:
            # A process id is not given away again while a session is called by it.
            return psutil.Process(session).status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def stop(self, patience: float = 8) -> None:
        """End the program and all its children, and return once they are gone; see :func:`stop`."""
        stop((self,), patience)

    def tail(self, lines: int = 12) -> str:
        """Return the last lines of the log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    @property
    def _lock(self) -> Path:
        return self.folder / f"{self.name}.lock"

    @property
    def _identity(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def _session(self) -> int | None:
        try:
            session: int = json.loads(self._identity.read_text())["session"]
        except FileNotFoundError:
            return None
        return session

    def terminate(self) -> None:
        """Ask the program to end in its own time."""
        session = self._session
        if session is not None and self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(session, signal.SIGTERM)

    def forget(self) -> None:
        """Drop the identity of a program that has ended."""
        self._identity.unlink(missing_ok=True)

    def members(self) -> set[psutil.Process]:
        """Return the processes of the session, and their children in sessions of their own."""
        session = self._session
        if session is None or not self.running():
            return set()
        found: set[psutil.Process] = set()
        for process in psutil.process_iter():
            with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
                if os.getsid(process.pid) == session:
                    found |= {process, *process.children(recursive=True)}
        return found

    def _keep_one_old_log(self) -> None:
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))


def stop(parts: Sequence[Background], patience: float = 8) -> None:
    """End programs and all their children at the same time, and return once they are gone.

    :param patience: seconds that they get after being asked, before their processes are ended one by one;
        when no program is alive that could be asked, that is at once
    :raises ProcessFailed: when something lives on
    """
    # Before they are asked: whoever outlives its parent is no longer known as its child.
    members = {member for part in parts for member in part.members()}
    asked = [part for part in parts if part.alive()]
    for part in asked:
        part.terminate()
    if not _gone_within(patience if asked else 0, parts, members):
        for number, seconds in ((signal.SIGTERM, 2), (signal.SIGKILL, 20)):
            members |= {member for part in parts for member in part.members()}
            for member in members:
                with contextlib.suppress(psutil.Error):  # of a process that is gone, also if its id is not
                    member.send_signal(number)
            if _gone_within(seconds, parts, members):
                break
        else:
            left = ", ".join(f"{member.pid}" for member in members if _lives(member))
            raise ProcessFailed(f"{', '.join(part.name for part in parts)}: the processes {left} do not end.")
    for part in parts:
        part.forget()


def _gone_within(seconds: float, parts: Sequence[Background], members: set[psutil.Process]) -> bool:
    end = time.monotonic() + seconds
    while any(part.running() for part in parts) or any(_lives(member) for member in members):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _lives(member: psutil.Process) -> bool:
    try:
        return member.is_running() and member.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


_started: dict[int, subprocess.Popen[bytes]] = {}


def _taken(lock: IO[str]) -> bool:
    """Take the lock of a program that does not run; whoever only looks at it has it for an instant."""
    for _ in range(10):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C and requests to end until something that must be whole is done.

    They are not masked: a process started meanwhile would inherit that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for missed in came[:1]:
            signal.raise_signal(missed)
