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
    """A Docker engine. Without one, these tests are skipped."""
    try:
        with docker_engine(tmp_path_factory.mktemp("engine") / "log"):
            yield
    except NoEngine as why:
        pytest.skip(f"Docker cannot be used: {why}")


@pytest.fixture(scope="session")
def copy(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """A copy of the checkout whose stack has not been started; it is removed in the end."""
    compose = Compose.copied(tmp_path_factory.mktemp("check out"), f"taxi-test-{os.getpid()}")
    try:
        yield compose
    finally:
        compose.remove()


@pytest.fixture(scope="session")
def start(copy: Compose) -> Start:
    """The first start of the stack, timed from when its image was built."""
    load = os.getloadavg()[0]
    output = copy.up()
    load = max(load, os.getloadavg()[0])
    created = copy.command("docker", "inspect", "--format", "{{.Created}}", copy.container("metadata"))
    return Start(output, datetime.now(UTC) - datetime.fromisoformat(created.strip()), load)


@pytest.fixture(scope="session")
def stack(copy: Compose, start: Start) -> Compose:
    """The running stack, with the mirror and no other profile."""
    return copy
