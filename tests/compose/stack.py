"""The stack of docker-compose.yaml as a test starts it: in a copy of the checkout, with ports of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from local.api import AirflowApi
from local.state import Ports

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKOUT = Path(__file__).parents[2]

SERVICES = ("warehouse", "metadata", "api-server", "scheduler", "dag-processor", "triggerer")
"""What runs on and on; ``init`` ends."""

_QUICK = {
    "AIRFLOW__NYC_TAXI__RETRIES": "8",
    "AIRFLOW__NYC_TAXI__RETRY_DELAY": "1",
    "AIRFLOW__NYC_TAXI__ASK_INTERVAL": "2",
}
"""A task that lost its database tries again after a second, and not after minutes."""


@dataclass(frozen=True)
class Compose:
    """A copy of the checkout and the stack that is started from it.

    :param folder: the copy
    :param project: name that Compose gives to containers and volumes
    :param ports: ports on 127.0.0.1: ``ui`` and ``postgres`` are used
    """

    folder: Path
    project: str
    ports: Ports

    @classmethod
    def copied(cls, folder: Path, project: str) -> Compose:
        """Copy what git knows or would add, and nothing that a person has beside it, such as an ``.env``."""
        listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in subprocess.check_output(listed, cwd=CHECKOUT, text=True).split("\0"):
            if name and (CHECKOUT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(CHECKOUT / name, folder / name)
        reads_dags = ("scheduler", "dag-processor")
        quick: dict[str, Any] = {"services": {name: {"environment": _QUICK} for name in reads_dags}}
        (folder / "docker-compose.override.yaml").write_text(yaml.safe_dump(quick))
        return cls(folder, project, Ports.free())

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of every command of this stack."""
        return {
            **os.environ,
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_PROGRESS": "plain",
            "AIRFLOW_IMAGE": "nyc-taxi-airflow:test",
            "AIRFLOW_PORT": str(self.ports.ui),
            "WAREHOUSE_PORT": str(self.ports.postgres),
            "PROFILES": "mirror",
            "COMPOSE_PROFILES": "mirror",
            "MIRROR_MONTHS": "2021-01..2021-04",
            "MIRROR_ROWS": "100000",
        }

    def up(self) -> str:
        """Start all of it by the command of the README, and return what it says."""
        return self.command("make", "up-compose")

    def compose(self, *arguments: str) -> str:
        """Run ``docker compose`` and return what it prints."""
        return self.command("docker", "compose", *arguments)

    def inside(self, service: str, *command: str) -> str:
        """Run a command in the container of a service and return what it prints."""
        return self.compose("exec", "-T", service, *command)

    def command(self, *command: str) -> str:
        """Run a command in the copy; a failure shows what it said."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def setting(self, name: str) -> str:
        """Return a value of the ``.env`` that was made."""
        lines = (self.folder / ".env").read_text().splitlines()
        return next(line.partition("=")[2] for line in lines if line.startswith(f"{name}="))

    @property
    def warehouse_uri(self) -> str:
        """URI of the warehouse, from this machine."""
        return f"postgresql://taxi:{self.setting('WAREHOUSE_PASSWORD')}@127.0.0.1:{self.ports.postgres}/taxi"

    @cached_property
    def api(self) -> AirflowApi:
        """Airflow's API."""
        return AirflowApi(f"http://127.0.0.1:{self.ports.ui}", "admin", self.setting("AIRFLOW_PASSWORD"))

    def container(self, service: str) -> str:
        """Return the id of the container of a service."""
        return self.compose("ps", "--all", "--quiet", service).strip()

    def healthy(self) -> bool:
        """Whether every part that runs on says that it is well."""
        asked = [self.container(service) for service in SERVICES]
        told = self.command("docker", "inspect", "--format", "{{.State.Health.Status}}", *asked)
        return told.split() == ["healthy"] * len(SERVICES)

    def kill(self, service: str) -> None:
        """End the first process of a container as a crash would: by SIGKILL, unasked.

        Where the engine has its processes in a machine of its own, Docker kills it, and it is started again
        by hand, because Docker then does not.
        """
        container = self.container(service)
        pid = int(self.command("docker", "inspect", "--format", "{{.State.Pid}}", container))
        if os.geteuid() == 0 and _is_of(container, pid):
            os.kill(pid, signal.SIGKILL)
            return
        self.compose("kill", "--signal", "SIGKILL", service)
        self.compose("up", "--detach", "--no-build", service)

    def remove(self) -> None:
        """Take everything away: containers, volumes, networks."""
        self.compose("down", "--volumes", "--timeout", "5", "--remove-orphans")


def _is_of(container: str, pid: int) -> bool:
    """Whether a process of this machine is a container's; the number alone may be some other process's."""
    try:
        return container in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False
