"""The part of a file that has arrived so far: written, hashed and told about."""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from nyc_taxi.errors import DiskFull

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_TO_SPARE: Final = 64 << 20
"""Bytes that stay free beside a file, for what is made while it is read."""


class Arrived:
    """The bytes of one version of a file; never of two.

    :param url: where they come from
    :param part: an empty file that takes them
    :param progress: told the bytes so far and in all (None if unknown), once a second or each 5 %
    """

    def __init__(
        self, url: str, part: IO[bytes], progress: Callable[[int, int | None], None] | None = None
    ) -> None:
        self.url = url
        self.bytes = 0
        self.total: int | None = None
        self.etag: str | None = None
        self.last_modified: datetime | None = None
        self._part = part
        self._digest = hashlib.sha256()
        self._progress = progress
        self._told = 0
        self._told_at = time.monotonic()

    @property
    def sha256(self) -> str:
        """Hash of the bytes so far, in hexadecimal."""
        return self._digest.hexdigest()

    def begin(self, total: int | None, etag: str | None, last_modified: datetime | None) -> None:
        """Begin a version from its first byte, and throw away what there was.

        :raises DiskFull: when there is no room for it
        """
        self._part.seek(0)
        self._part.truncate()
        self._digest = hashlib.sha256()
        self.bytes = self._told = 0
        self.total, self.etag, self.last_modified = total, etag, last_modified
        folder = Path(self._part.name).parent
        free = shutil.disk_usage(folder).free
        if total is not None and free < total + _TO_SPARE:
            raise DiskFull(
                f"{self.url} has {total:,} bytes; {folder} has {free:,} free, of which {_TO_SPARE:,} are not "
                "to be used. Make room there, or set TMPDIR to a larger disk, and try again."
            )

    def take(self, block: bytes) -> None:
        """Write the next bytes."""
        self._part.write(block)
        self._digest.update(block)
        self.bytes += len(block)
        step = (self.total or 0) * 0.05
        if 0 < step <= self.bytes - self._told or time.monotonic() - self._told_at >= 1:
            self.tell()

    def tell(self) -> None:
        """Tell how far it is."""
        if self._progress is not None:
            self._progress(self.bytes, self.total)
        self._told, self._told_at = self.bytes, time.monotonic()
