"""A small disk in a folder, for a command and its children only; it is gone with the last of them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = 65534
"""Who root's embedded Postgres runs as."""


def small_disk(folder: Path, size: str, *, for_postgres: bool = False) -> tuple[str, ...]:
    """Return the words that let a command see an empty disk of this size in a folder.

    They give the command a separate mount namespace, which any user may do where the kernel allows user
    namespaces; then the command thinks that it is root, or, for Postgres, which refuses that, somebody
    else. Where it cannot be done, the test is skipped and says why.

    :param size: as ``mount -o size`` takes it
    :param for_postgres: whether the disk is Postgres', and the command its start
    """
    owner = f",uid={NOBODY},gid={NOBODY}" if for_postgres and os.geteuid() == 0 else ""
    mount = f'mount -t tmpfs -o "size={size},mode=700{owner}" small "$0" && exec "$@"'
    words: tuple[str, ...] = ("unshare", "--mount", "sh", "-c", mount, str(folder))
    if os.geteuid() != 0:
        words = ("unshare", "--user", "--map-root-user", *words[1:])
        if for_postgres:
            words = (*words, "unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
    try:
        subprocess.run((*words, "true"), check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        pytest.skip(
            f"NOT TESTED: no full disk, since this user cannot mount a small one here: {said.strip()}"
        )
    return words
