"""Folders to work in, which outlive a process just long enough for the next one to go on.

Each address has a folder of its own, below one that nobody but this user can look into. A process holds
the lock of the folder that it works in, and the lock ends with the process. So what is not locked belongs
to nobody any more, whatever became of the process.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import secrets
import shutil
import stat
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import TYPE_CHECKING, Final

from nyc_taxi.errors import ContractError, DiskFull, UnsafeFolder
from nyc_taxi.files import kept

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

_AGE: Final = 86_400.0
"""Seconds for which a download waits for the process that goes on with it."""
_LOOKS: Final = 5
_LOOK: Final = 0.02
"""Seconds between two looks at a folder that is locked; who only looks after it holds the lock for less."""
_OURS: Final = re.compile(r"[\w-]+-[0-9a-f]{16}(\.\w{8})*")


@dataclass(frozen=True, slots=True)
class DeadFolder:
    """A folder whose process is gone.

    :param path: where it is
    :param bytes: size of what is in it
    :param changed: when something was last put into it, in UTC
    """

    path: Path
    bytes: int
    changed: datetime


@contextmanager
def scratch_folder(what: str, url: str, under: Path | None = None) -> Iterator[Path]:
    """Give a folder to work on an address's file in, which no other process uses meanwhile.

    It is the address's own folder, with what was :mod:`~nyc_taxi.files.kept` of an earlier download. While
    another process works in that, it is a new one. In the end it is removed, unless the failure may pass
    and something in it can be gone on with. Folders that dead processes left are removed first: those of
    an address after a day.

    :param what: the dataset and the month, or whatever else the file is, as a part of a name
    :param under: where to make it; the system's folder for temporary files by default
    :raises UnsafeFolder: when somebody else could read or exchange what is in it
    """
    root = _root(under)
    with suppress(FileExistsError):
        root.mkdir(mode=0o700)
    _check(root)
    _sweep(root)
    path, lock = _claim(root, f"{what}-{hashlib.sha256(url.encode()).hexdigest()[:16]}")
    stays = False
    try:
        yield path
    except (ContractError, DiskFull):
        raise
    except BaseException:
        stays = not _is_spare(path) and kept.is_in(path)
        raise
    finally:
        if not stays:
            with suppress(OSError):
                _remove(path)
        os.close(lock)


def dead_folders(under: Path | None = None) -> list[DeadFolder]:
    """Return the folders of this user, on this machine, whose processes are gone; the oldest first.

    :param under: as for :func:`scratch_folder`
    :raises UnsafeFolder: when they may be somebody else's
    """
    found = []
    for path in _folders(_root(under)):
        lock = _lock(path)
        if lock is None:
            continue
        os.close(lock)
        with suppress(OSError):
            size = sum(file.stat().st_size for file in path.iterdir())
            found.append(DeadFolder(path, size, datetime.fromtimestamp(path.stat().st_mtime, UTC)))
    return sorted(found, key=lambda folder: folder.changed)


def discard(path: Path) -> bool:
    """Remove a folder unless a process works in it, and return whether it was removed."""
    lock = _lock(path)
    if lock is None:
        return False
    _remove(path)
    os.close(lock)
    return True


def _root(under: Path | None) -> Path:
    return (under or Path(gettempdir())) / f"nyc-taxi-{os.geteuid()}"


def _check(root: Path) -> None:
    found = root.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise UnsafeFolder(
            f"{root} is not a folder of this user alone, so that somebody else could exchange the files in "
            "it. Remove it, or set TMPDIR to another folder, and try again."
        )


def _folders(root: Path) -> list[Path]:
    """Return the folders that this module made; a person's are left alone."""
    if not root.exists():
        return []
    _check(root)
    return [path for path in root.iterdir() if _OURS.fullmatch(path.name) and path.is_dir()]


def _sweep(root: Path) -> None:
    """Remove what dead processes left; best effort, and without a look at the young."""
    for path in _folders(root):
        with suppress(OSError):
            if _is_spare(path) or time.time() - path.stat().st_mtime > _AGE:
                discard(path)


def _claim(root: Path, name: str) -> tuple[Path, int]:
    """Take an address's folder, or a spare one while another process has it."""
    path = root / name
    for _ in range(_LOOKS):
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        if (lock := _lock(path)) is not None:
            return path, lock
        time.sleep(_LOOK)
    _log.info("Another process is at work in %s; this one takes a folder for itself.", path)
    while True:
        path = Path(mkdtemp(prefix=f"{name}.", dir=root))
        if (lock := _lock(path)) is not None:
            return path, lock


def _is_spare(path: Path) -> bool:
    """Whether no later process would look for the folder."""
    return "." in path.name


def _lock(folder: Path) -> int | None:
    """Take a folder's lock until the descriptor is closed; None when a process has it, or it is gone."""
    path = folder / "lock"
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The folder may have been removed, and made anew, between the two lines above.
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    os.close(lock)
    return None


def _remove(path: Path) -> None:
    """Remove a locked folder, under a name by which nobody finds it when it is half gone."""
    if not _is_spare(path):
        path = path.rename(path.with_name(f"{path.name}.{secrets.token_hex(4)}"))
    shutil.rmtree(path, ignore_errors=True)
