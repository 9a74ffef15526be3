"""One stack of docker-compose.yaml for all tests of this folder."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.compose.engine import NoEngine, docker_engine
from tests.compose.stack import Compose, Start

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Docker engine; without one these tests are skipped, and say so."""
    try:
        with docker_engine(tmp_path_factory.mktemp("engine") / "log"):
            yield
    except NoEngine as why:
        pytest.skip(f"Docker cannot be used: {why}")


@pytest.fixture(scope="session")
def copy(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """A copy of the checkout whose stack is not started yet, and is removed in the end."""
    compose = Compose.copied(tmp_path_factory.mktemp("checkout"), f"taxi-test-{os.getpid()}")
    try:
        yield compose
    finally:
        if (compose.folder / ".env").exists():
            compose.remove()


@pytest.fixture(scope="session")
def start(copy: Compose) -> Start:
    """How the stack was started from nothing; the clock starts when its image is built."""
    load = os.getloadavg()[0]
    said = copy.up()
    created = copy.command("docker", "inspect", "--format", "{{.Created}}", copy.container("metadata"))
    return Start(said, datetime.now(UTC) - datetime.fromisoformat(created.strip()), load)


@pytest.fixture(scope="session")
def stack(copy: Compose, start: Start) -> Compose:
    """The running stack, with the mirror and no other profile."""
    return copy
