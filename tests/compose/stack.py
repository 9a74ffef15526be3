"""The stack of docker-compose.yaml in a copy of the checkout, on free ports."""

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
from urllib.parse import quote

import pytest

from local.api import AirflowApi
from tests.compose.engine import has_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

CHECKOUT = Path(__file__).parents[2]

SERVICES = ("warehouse", "metadata", "api-server", "scheduler", "dag-processor", "triggerer")
"""The services that keep running, unlike ``init``."""

ODD = "p@ss:w/r?d#1%41$HOME&\"x'y\\ z"
"""A password of characters that URLs, shells and Docker Compose read in their own way."""


@dataclass(frozen=True)
class Start:
    """A first start of a stack.

    :param output: what the command printed
    :param took: time until everything was healthy
    :param load: load average of the machine, before or after, whichever was higher
    """

    output: str
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
        """Copy the files that git tracks or would add, and no others, such as its secrets."""
        listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in subprocess.check_output(listed, cwd=CHECKOUT, text=True).split("\0"):
            if name and (CHECKOUT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(CHECKOUT / name, folder / name)
        named = re.findall(r"^#?(\w+_PORT)=", (folder / ".env.example").read_text(), re.MULTILINE)
        (folder / "secrets").mkdir()
        for name in ("metadata_password", "warehouse_password"):
            (folder / "secrets" / name).write_text(f"{ODD}{name}\n")
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
        """Start the stack with the command of the README, and return its output.

        :param profiles: profiles in addition to the mirror, from which the tests load
        """
        return self.command("make", "up-compose", f"PROFILES={','.join(('mirror', *profiles))}")

    @contextmanager
    def with_profile(self, profile: str) -> Iterator[str]:
        """Run a profile as well, and give the output of its start; without its images, skip the test."""
        services = self.services_of(profile)
        self.need_images(services)
        try:
            yield self.up(profile)
        finally:
            self.up()
        assert not any(map(self.container, services)), "a profile that is no longer named is still there"

    def services_of(self, profile: str) -> dict[str, Any]:
        """Return the services of a profile, as Compose understands them."""
        asked = json.loads(self.compose("--profile", profile, "config", "--format", "json"))["services"]
        return {name: service for name, service in asked.items() if profile in service.get("profiles", ())}

    def need_images(self, services: Mapping[str, Any]) -> None:
        """Skip the test if an image of the services, or a base of it, cannot be pulled."""
        for name, service in services.items():
            for image in _needed(service):
                if not has_image(image):
                    pytest.skip(f"service {name}: the image {image} cannot be fetched")

    def compose(self, *arguments: str, **settings: str) -> str:
        """Run ``docker compose`` with settings that override ``.env``, and return its output."""
        return self.command("docker", "compose", *arguments, **settings)

    def inside(self, service: str, *command: str) -> str:
        """Run a command in the container of a service, and return its output."""
        return self.compose("exec", "-T", service, *command)

    def command(self, *command: str, **settings: str) -> str:
        """Run a command in the copy, and return its output."""
        environment = {**self.environment, **settings}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def secret(self, name: str) -> str:
        """Return a secret of the stack."""
        return (self.folder / "secrets" / name).read_text().removesuffix("\n")

    @property
    def warehouse_uri(self) -> str:
        """URI of the warehouse, from this machine."""
        password = quote(self.secret("warehouse_password"), safe="")
        return f"postgresql://taxi:{password}@127.0.0.1:{self.ports['WAREHOUSE_PORT']}/taxi"

    @cached_property
    def api(self) -> AirflowApi:
        """Airflow's API."""
        return AirflowApi(self.url("AIRFLOW_PORT"), "admin", self.secret("airflow_password"))

    def url(self, setting: str) -> str:
        """Return the URL of the port that a setting names."""
        return f"http://127.0.0.1:{self.ports[setting]}"

    def container(self, service: str) -> str:
        """Return the id of the container of a service."""
        return self.compose("ps", "--all", "--quiet", service).strip()

    def healthy(self) -> bool:
        """Whether every service that keeps running is healthy."""
        containers = [self.container(service) for service in SERVICES]
        states = self.command("docker", "inspect", "--format", "{{.State.Health.Status}}", *containers)
        return states.split() == ["healthy"] * len(SERVICES)

    def kill(self, service: str) -> None:
        """Kill the first process of a container, as a crash would.

        Where the engine runs in a virtual machine, Docker kills it. It is then started here, because Docker
        does not restart what it killed itself.
        """
        container = self.container(service)
        pid = int(self.command("docker", "inspect", "--format", "{{.State.Pid}}", container))
        if os.geteuid() == 0 and _is_of(container, pid):
            os.kill(pid, signal.SIGKILL)
            return
        self.compose("kill", "--signal", "SIGKILL", service)
        self.compose("up", "--detach", "--no-build", service)

    def remove(self) -> None:
        """Remove the containers, volumes and networks of all profiles."""
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "5", "--remove-orphans")


def _needed(service: Mapping[str, Any]) -> list[str]:
    """Return the image of a service, or the base images that it is built from."""
    if "build" not in service:
        return [service["image"]]
    recipe = Path(service["build"]["context"], service["build"]["dockerfile"]).read_text()
    return re.findall(r"^FROM (\S+:\S+)", recipe, re.MULTILINE)


def _free_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _is_of(container: str, pid: int) -> bool:
    """Whether a process of this machine belongs to a container; another process may have the same number."""
    try:
        return container in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False
