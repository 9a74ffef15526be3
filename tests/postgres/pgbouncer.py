"""A PgBouncer in front of a server, if one is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = """
[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {users}
pool_mode = {mode}
default_pool_size = {size}
"""


@contextmanager
def pgbouncer(uri: str, folder: Path, *, mode: str, size: int) -> Iterator[str]:
    """Give the URI of a database behind a pooler.

    :param mode: after what a session gives its server connection back: ``session`` or ``transaction``
    :param size: how many server connections there are
    """
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("pgbouncer is not installed: apt-get install pgbouncer")
    server = conninfo_to_dict(uri)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    users, settings = folder / "users.txt", folder / "pgbouncer.ini"
    users.write_text(f'"{server["user"]}" "{server["password"]}"\\n')
    values = {"host": server["host"], "server_port": server["port"], "port": port, "users": users}
    settings.write_text(SETTINGS.format(**values, mode=mode, size=size))
    command = [program, "-q", str(settings)]
    if os.geteuid() == 0:  # it refuses to run as root, and the folder is root's alone
        command = [
            "setpriv",
            "--reuid=65534",
            "--inh-caps=+dac_read_search",
            "--ambient-caps=+dac_read_search",
            *command,
        ]
    process = subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL)
    pooled = make_conninfo(uri, port=port)

    def answers() -> bool:
        """Whether the pooler accepts sessions."""
        assert process.poll() is None
        try:
            psycopg.connect(pooled).close()
        except psycopg.OperationalError:
            return False
        return True

    try:
        eventually(answers)
        yield pooled
    finally:
        process.terminate()
        process.wait()
