"""Checks of the machine before the demo starts. Each failure is one sentence."""

from __future__ import annotations

import os
import platform
import shutil
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.state import listening

if TYPE_CHECKING:
    from pathlib import Path

_MB = 1_000_000
_NEEDED_AT_FIRST = 2_000 * _MB
_NEEDED_LATER = 300 * _MB


class CheckFailed(LocalError):
    """The machine is not ready, or a setting is invalid. The message says what to do."""


def check_machine(checkout: Path, *, first: bool) -> None:
    """Check disk space and the programs that are not Python packages.

    :param checkout: folder that everything is written to
    :param first: whether the Python environment has not been installed yet
    :raises CheckFailed: if something is missing
    """
    free, needed = shutil.disk_usage(checkout).free, _NEEDED_AT_FIRST if first else _NEEDED_LATER
    if free < needed:
        raise CheckFailed(
            f"{checkout} has {free // _MB:,} MB of free disk space, but {needed // _MB:,} MB are needed. "
            "Free some space first."
        )
    if shutil.which("bash") is None:
        raise CheckFailed("The program bash is not on the PATH. Install it first.")
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        why = "macOS has none" if platform.system() == "Darwin" else "it is part of util-linux"
        raise CheckFailed(
            "Postgres refuses to run as root, and the program setpriv, which changes the user, is not on the "
            f"PATH ({why}). Run this as an ordinary user."
        )


def check_port(port: int, command: str) -> None:
    """Check that the UI's port is free.

    :param command: the make target that was called, for the message
    :raises CheckFailed: if another program listens there
    """
    if not 1024 <= port <= 65535:
        raise CheckFailed(f"PORT={port} is not allowed. Choose a port from 1024 to 65535.")
    if listening(port):
        raise CheckFailed(
            f"Another program uses port {port}. Choose another one: make {command} PORT={port + 1}"
        )
