"""Background processes that are always found again, and stopped with all their children.

A process gets its own session, and holds a lock as long as it or one of its children lives. The lock says
whether anything of it is left, so a recycled process id is never mistaken for it. The session says which
processes belong to it, including children with their own process group, such as Airflow's tasks.
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
    """A background process did not start, or does not stop."""


@dataclass(frozen=True, slots=True)
class Background:
    """A program that runs in the background.

    :param name: its name in messages and file names
    :param folder: folder of its log and its identity
    """

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        """The output of the program since its start."""
        return self.folder / f"{self.name}.log"

    def start(self, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> None:
        """Start the program unless it runs.

        Leftovers of a killed program are stopped first: a killed scheduler leaves workers that would wait
        forever.

        :raises ProcessFailed: if the command cannot be run, or a leftover does not stop
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
                    raise ProcessFailed(f"{self.name} cannot be started: {error}") from error
                _started[process.pid] = process
                write_private(self._identity, json.dumps({"session": process.pid}))

    def running(self) -> bool:
        """Whether the program, or a child that it left behind, runs."""
        for process in _started.values():
            process.poll()  # a child of this process would stay a zombie
        try:
            with self._lock.open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def alive(self) -> bool:
        """Whether the program itself runs, and not only a child that it left behind."""
        session = self._session
        if session is None or not self.running():
            return False
        try:
            # A process id is not recycled while it is the id of a session.
            return psutil.Process(session).status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def stop(self, patience: float = 8) -> None:
        """Stop the program and all its children; see :func:`stop`."""
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
        """Send the program SIGTERM."""
        session = self._session
        if session is not None and self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(session, signal.SIGTERM)

    def forget(self) -> None:
        """Delete the identity of a program that has stopped."""
        self._identity.unlink(missing_ok=True)

    def members(self) -> set[psutil.Process]:
        """Return the processes of the session, and their children in other sessions."""
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
    """Stop programs and all their children at the same time, and return once they are gone.

    :param patience: seconds after SIGTERM until their processes are stopped one by one; that happens at once
        if none of the programs themselves runs
    :raises ProcessFailed: if a process does not stop
    """
    # Before SIGTERM: a process that outlives its parent can no longer be found as its child.
    members = {member for part in parts for member in part.members()}
    asked = [part for part in parts if part.alive()]
    for part in asked:
        part.terminate()
    if not _gone_within(patience if asked else 0, parts, members):
        for number, seconds in ((signal.SIGTERM, 2), (signal.SIGKILL, 20)):
            members |= {member for part in parts for member in part.members()}
            for member in members:
                with contextlib.suppress(
                    psutil.Error
                ):  # of a process that is gone, even if its id is in use again
                    member.send_signal(number)
            if _gone_within(seconds, parts, members):
                break
        else:
            left = ", ".join(f"{member.pid}" for member in members if _lives(member))
            raise ProcessFailed(
                f"{', '.join(part.name for part in parts)}: the processes {left} do not stop. Kill them."
            )
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
    """Take the lock of a program that does not run; a process that only checks it holds it for an instant."""
    for _ in range(10):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay SIGINT, SIGTERM and SIGHUP until the body is done.

    They are not masked, because a process started meanwhile would inherit the mask.
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
