"""The stack of docker-compose.yaml as a test starts it: in a copy of the checkout, with its own ports."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from local.api import AirflowApi
from tests.compose.engine import has_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

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
class Start:
    """A first start of a stack.

    :param said: what the command printed
    :param took: time until all was healthy
    :param load: how many processes of this machine wanted to run in the minute before
    """

    said: str
    took: timedelta
    load: float


@dataclass(frozen=True)
class Compose:
    """A copy of the checkout and the stack that is started from it.

    :param folder: the copy
    :param project: name that Compose gives to containers and volumes
    :param ports: its ports on 127.0.0.1, by the setting that names them
    """

    folder: Path
    project: str
    ports: Mapping[str, int]

    @classmethod
    def copied(cls, folder: Path, project: str) -> Compose:
        """Copy what git knows or would add, and no other file, such as an ``.env``."""
        listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in subprocess.check_output(listed, cwd=CHECKOUT, text=True).split("\0"):
            if name and (CHECKOUT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(CHECKOUT / name, folder / name)
        reads_dags = ("scheduler", "dag-processor")
        quick: dict[str, Any] = {"services": {name: {"environment": _QUICK} for name in reads_dags}}
        (folder / "docker-compose.override.yaml").write_text(yaml.safe_dump(quick))
        named = re.findall(r"^#?(\w+_PORT)=", (folder / ".env.example").read_text(), re.MULTILINE)
        return cls(folder, project, dict(zip(named, _free_ports(len(named)), strict=True)))

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of every command of this stack."""
        return {
            **os.environ,
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_PROGRESS": "plain",
            "AIRFLOW_IMAGE": "nyc-taxi-airflow:test",
            "GCP_IMAGE": "nyc-taxi-gcp:test",
            **{name: str(port) for name, port in self.ports.items()},
            "MIRROR_MONTHS": "2021-01..2021-04",
            "MIRROR_ROWS": "100000",
        }

    def up(self, *profiles: str) -> str:
        """Start all of it by the command of the README, and return what it says.

        :param profiles: what is to run in addition to the mirror, from which the tests load
        """
        return self.command("make", "up-compose", f"PROFILES={','.join(('mirror', *profiles))}")

    @contextmanager
    def with_profile(self, profile: str) -> Iterator[str]:
        """Add a profile to the stack and give the output of its start; skip the test without its images."""
        services = self.services_of(profile)
        self.need_images(services)
        try:
            yield self.up(profile)
        finally:
            self.up()
        assert not any(map(self.container, services)), "a profile that is no longer named is still there"

    def services_of(self, profile: str) -> dict[str, Any]:
        """Return what a profile brings, as Compose understands it."""
        asked = json.loads(self.compose("--profile", profile, "config", "--format", "json"))["services"]
        return {name: service for name, service in asked.items() if profile in service.get("profiles", ())}

    def need_images(self, services: Mapping[str, Any]) -> None:
        """Skip the test when an image cannot be had that one of the services is, or is built on."""
        for name, service in services.items():
            for image in _needed(service):
                if not has_image(image):
                    pytest.skip(f"service {name}: the image {image} cannot be fetched")

    def compose(self, *arguments: str, **settings: str) -> str:
        """Run ``docker compose``, by other settings than those of ``.env``, and return what it prints."""
        return self.command("docker", "compose", *arguments, **settings)

    def inside(self, service: str, *command: str) -> str:
        """Run a command in the container of a service and return what it prints."""
        return self.compose("exec", "-T", service, *command)

    def command(self, *command: str, **settings: str) -> str:
        """Run a command in the copy; a failure shows what it said."""
        environment = {**self.environment, **settings}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
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
        return f"postgresql://taxi:{self.setting('WAREHOUSE_PASSWORD')}@127.0.0.1:{self.ports['WAREHOUSE_PORT']}/taxi"

    @cached_property
    def api(self) -> AirflowApi:
        """Airflow's API."""
        return AirflowApi(self.url("AIRFLOW_PORT"), "admin", self.setting("AIRFLOW_PASSWORD"))

    def url(self, setting: str) -> str:
        """Return the address of what listens on the port that a setting names."""
        return f"http://127.0.0.1:{self.ports[setting]}"

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

        Where the engine has its processes in a virtual machine, Docker kills it, and it is started again
        manually, because Docker then does not.
        """
        container = self.container(service)
        pid = int(self.command("docker", "inspect", "--format", "{{.State.Pid}}", container))
        if os.geteuid() == 0 and _is_of(container, pid):
            os.kill(pid, signal.SIGKILL)
            return
        self.compose("kill", "--signal", "SIGKILL", service)
        self.compose("up", "--detach", "--no-build", service)

    def remove(self) -> None:
        """Take everything away: containers, volumes, networks, whatever the profile."""
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "5", "--remove-orphans")


def _needed(service: Mapping[str, Any]) -> list[str]:
    """Return the images that a service has to find: its own, or those that its own is built on."""
    if "build" not in service:
        return [service["image"]]
    recipe = Path(service["build"]["context"], service["build"]["dockerfile"]).read_text()
    return re.findall(r"^FROM (\S+:\S+)", recipe, re.MULTILINE)


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _is_of(container: str, pid: int) -> bool:
    """Whether a process of this machine is a container's; the number alone may be some other process's."""
    try:
        return container in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False
