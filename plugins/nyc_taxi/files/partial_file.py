"""A file while it is received: written, hashed and reported."""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from nyc_taxi.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_RESERVE: Final = 64 << 20
"""Bytes of the disk that a file leaves free, for what is written while it is read."""


class PartialFile:
    """The bytes received so far of one version of a file; never of two.

    :param url: where they come from
    :param file: takes the bytes
    :param progress: called with the bytes so far and in total (None if unknown), once per second or each 5 %
    """

    def __init__(
        self, url: str, file: IO[bytes], progress: Callable[[int, int | None], None] | None = None
    ) -> None:
        self.url = url
        self.bytes = 0
        self.total: int | None = None
        self.etag: str | None = None
        self.last_modified: datetime | None = None
        self.encoding = ""
        self._file = file
        self._digest = hashlib.sha256()
        self._progress = progress
        self._reported = 0
        self._reported_at = time.monotonic()

    @property
    def sha256(self) -> str:
        """Hash of the bytes so far, in hexadecimal."""
        return self._digest.hexdigest()

    def begin(self, total: int | None, etag: str | None, last_modified: datetime | None) -> None:
        """Discard the bytes so far, and begin a version at its first byte.

        :raises TransientError: when there is no room for it
        """
        self._file.seek(0)
        self._file.truncate()
        self._digest = hashlib.sha256()
        self.bytes = self._reported = 0
        self.total, self.etag, self.last_modified = total, etag, last_modified
        folder = Path(self._file.name).parent
        free = shutil.disk_usage(folder).free
        if total and free < total + _RESERVE:
            raise TransientError(
                f"{self.url} has {total:,} bytes; {folder} has {free:,} free, {_RESERVE:,} of them reserved. "
                "Make room there, or set TMPDIR to a larger disk, and try again."
            )

    def write(self, block: bytes) -> None:
        """Append the next bytes."""
        self._file.write(block)
        self._digest.update(block)
        self.bytes += len(block)
        step = (self.total or 0) * 0.05
        if 0 < step <= self.bytes - self._reported or time.monotonic() - self._reported_at >= 1:
            self._report()

    def finish(self) -> None:
        """Report that nothing is missing."""
        self._report()

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(self.bytes, self.total)
        self._reported, self._reported_at = self.bytes, time.monotonic()
