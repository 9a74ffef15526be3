"""Where figures are measured: a Postgres and a file server that exist only for them."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from benchmarks import files
from benchmarks.files import apart
from local.environment import CHECKOUT
from local.errors import LocalError
from local.postgres import EmbeddedPostgres
from local.state import Ports
from nyc_taxi.core.month import Month
from nyc_taxi.files.source_list import SourceList

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST = Month("2021-01")
"""The first month that is loaded: the first whose files have lines that end in LF."""

_PATIENCE = 20.0


class BenchmarkFailed(LocalError):
    """Something could not be measured."""


@dataclass(frozen=True, slots=True)
class Place:
    """A Postgres with its default settings and a file server, in one folder.

    :param folder: everything is written below it
    :param server: the Postgres
    :param files: address of the file server, without a slash at its end
    """

    folder: Path
    server: EmbeddedPostgres
    files: str

    @property
    def samples(self) -> Path:
        """The folder that the file server serves."""
        return self.folder / "samples"

    @property
    def sources(self) -> SourceList:
        """The file server as a source, in the mirror's layout."""
        return SourceList.parse(self.files)

    def requests(self) -> list[str]:
        """Return the method of each request that the file server has answered, in order."""
        lines = (self.folder / "files.log").read_text().splitlines()
        return [line.split('"')[1].split()[0] for line in lines if '"' in line]

    def sample(self, dataset: str, month: Month, rows: int) -> Path:
        """Write a sample month, and return its path."""
        return apart(files.month, self.samples, dataset, month, rows)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Create a database after a checkpoint, yield its URI, and drop it."""
        name = "measured"
        with psycopg.connect(self.server.uri("postgres"), autocommit=True) as connection:
            drop = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            connection.execute(drop)
            self.server.create_database(name)
            connection.execute("checkpoint")
            try:
                yield self.server.uri(name)
            finally:
                connection.execute(drop)


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """Start a Postgres and a file server in a folder, and stop both.

    :param folder: an empty folder
    :raises BenchmarkFailed: when the file server does not come up
    """
    ports = Ports.free()
    (folder / "samples").mkdir()
    server = EmbeddedPostgres(folder / "postgres", ports.postgres)
    command = (sys.executable, "-m", "local.file_server", str(folder / "samples"), str(ports.files))
    try:
        server.start()
        with (
            (folder / "files.log").open("w") as log,
            subprocess.Popen(
                command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            ) as serving,
        ):
            try:
                _wait_for(ports.files)
                yield Place(folder, server, f"http://127.0.0.1:{ports.files}")
            finally:
                serving.terminate()
    finally:
        server.remove()


def _wait_for(port: int) -> None:
    """Return when something answers on a port."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise BenchmarkFailed(f"The file server does not respond on port {port}.") from None
            time.sleep(0.05)
