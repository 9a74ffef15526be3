"""A warehouse with dbt on it, for the tests of one module."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local import dbt
from tests.dbt.mart import Mart, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.postgres import EmbeddedPostgres

SERVER = Path(__file__).with_name("warm.py")


@pytest.fixture(scope="session")
def dbt_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The path of a dbt that is imported already."""
    program = tmp_path_factory.mktemp("warm") / "dbt"
    python = Path(dbt.program()).with_name("python")
    command = (python, SERVER, dbt.PROJECT, program)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield str(program)
        server.terminate()


@pytest.fixture(scope="module")
def mart(
    postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, dbt_program: str
) -> Iterator[Mart]:
    """An empty warehouse with the zones, and nothing built."""
    name = f"mart_{uuid.uuid4().hex[:12]}"
    postgres_server.create_database(name)
    with Mart.open(postgres_server, name, tmp_path_factory.mktemp("dbt"), dbt_program) as mart:
        yield mart
