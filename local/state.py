"""The folder of a local stack's state, and the settings that are stored in it."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from local.environment import CHECKOUT
from local.files import write_private


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of a stack, all on 127.0.0.1.

    :param ui: Airflow's UI and API
    :param postgres: the database server
    :param files: the server of the sample files
    :param storage: the emulator of Cloud Storage
    :param bigquery: the emulator of BigQuery
    :param grpc: the emulator of BigQuery's storage API
    """

    ui: int = 8080
    postgres: int = 15432
    files: int = 8099
    storage: int = 14443
    bigquery: int = 19050
    grpc: int = 19060

    @classmethod
    def free(cls) -> Ports:
        """Return ports that are free now."""
        return cls(*free_ports(len(fields(cls))))

    def with_free(self) -> Ports:
        """Return these ports, but free ones for everything but the UI where theirs are taken.

        The UI's port counts as taken, because a user may have chosen the default of another one.
        """
        taken, chosen = {self.ui}, {}
        for name in (one.name for one in fields(self) if one.name != "ui"):
            port = getattr(self, name)
            while port in taken or listening(port):
                (port,) = free_ports(1)
            taken.add(port)
            chosen[name] = port
        return replace(self, **chosen)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a stack, kept from one start to the next.

    :param ports: its ports
    :param source: ``local`` for the sample months, or a source list as in the connection nyc_tlc
    :param rows: rows per sample file
    :param months: the months that the demo loads, as ``2021-01..2021-03``
    :param target: the warehouse: ``postgres``, or ``bigquery`` on emulators
    """

    ports: Ports = Ports()
    source: str = "local"
    rows: int = 50_000
    months: str = "2021-01..2021-03"
    target: str = "postgres"


@dataclass(frozen=True, slots=True)
class State:
    """A stack's folder, under which the stack writes all its files.

    :param folder: the folder, which need not exist
    """

    folder: Path

    @property
    def airflow(self) -> Path:
        """Airflow's home."""
        return self.folder / "airflow"

    @property
    def samples(self) -> Path:
        """The sample months, in the mirror's layout."""
        return self.folder / "samples"

    @property
    def postgres(self) -> Path:
        """Home of the embedded Postgres."""
        return self.folder / "postgres"

    @property
    def dbt(self) -> Path:
        """What dbt writes outside the warehouse: statements, results, documentation, logs."""
        return self.folder / "dbt"

    @property
    def processes(self) -> Path:
        """Log and identity of every background process."""
        return self.folder / "processes"

    @property
    def passwords(self) -> Path:
        """The UI's users and passwords, as Airflow's simple auth manager reads them."""
        return self.folder / "passwords.json"

    def exists(self) -> bool:
        """Whether a stack was ever started here."""
        return self._settings.exists()

    def settings(self) -> Settings:
        """Return the settings of the last start; the defaults before the first one."""
        try:
            found: dict[str, Any] = json.loads(self._settings.read_text())
        except FileNotFoundError:
            return Settings()
        return Settings(**{**found, "ports": Ports(**found["ports"])})

    def remember(self, settings: Settings) -> None:
        """Store the settings for the next start."""
        write_private(self._settings, json.dumps(asdict(settings), indent=2) + "\n")

    def password(self) -> str:
        """Return the password of the UI's user ``admin``, generated at first use."""
        if not self.passwords.exists():
            write_private(self.passwords, json.dumps({"admin": secrets.token_urlsafe(12)}) + "\n")
        password: str = json.loads(self.passwords.read_text())["admin"]
        return password

    def secret(self, name: str, size: int = 32) -> str:
        """Return a secret of so many random bytes, generated at first use, in the form of a Fernet key."""
        path = self.folder / "secrets" / name
        if not path.exists():
            write_private(path, base64.urlsafe_b64encode(secrets.token_bytes(size)).decode())
        return path.read_text()

    @property
    def _settings(self) -> Path:
        return self.folder / "settings.json"


def demo_state() -> State:
    """Return the folder of the checkout's demo: ``.demo``, or the one that NYC_TAXI_DEMO names."""
    return State(Path(os.environ.get("NYC_TAXI_DEMO") or CHECKOUT / ".demo").absolute())


def listening(port: int) -> bool:
    """Whether a program of this machine uses the port on 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def free_ports(number: int) -> list[int]:
    """Return so many different ports of 127.0.0.1 that are free now."""
    with ExitStack() as probes:
        ports = []
        for _ in range(number):
            probe = probes.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports.append(int(probe.getsockname()[1]))
        return ports
