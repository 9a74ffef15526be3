"""The part of a file that has arrived so far: written, hashed and told about."""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from nyc_taxi.errors import DiskFull
from nyc_taxi.files import kept
from nyc_taxi.files.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_TO_SPARE: Final = 64 << 20
"""Bytes that stay free beside a file, for what is made while it is read."""
_BLOCK: Final = 1 << 20


class Arrived:
    """The bytes of one version of a file; never of two.

    :param url: where they come from
    :param part: a file, open for reading and writing, that takes them
    :param progress: told the bytes so far and in all (None if unknown), once a second or each 5 %
    :param keep: whether to write down once a second, beside the file, what another process could go on with
    """

    def __init__(
        self,
        url: str,
        part: IO[bytes],
        progress: Callable[[int, int | None], None] | None = None,
        *,
        keep: bool = False,
    ) -> None:
        self.url = url
        self.bytes = 0
        self.total: int | None = None
        self.etag: str | None = None
        self.last_modified: datetime | None = None
        self._part = part
        self._folder = Path(part.name).parent
        self._keep = keep
        self._digest = hashlib.sha256()
        self._progress = progress
        self._told = 0
        self._told_at = self._noted_at = time.monotonic()

    @property
    def sha256(self) -> str:
        """Hash of the bytes so far, in hexadecimal."""
        return self._digest.hexdigest()

    def begin(self, total: int | None, etag: str | None, last_modified: datetime | None) -> None:
        """Begin a version from its first byte, and throw away what there was.

        :raises DiskFull: when there is no room for it
        """
        if self._keep:
            kept.forget(self._folder)
        self._part.seek(0)
        self._part.truncate()
        self._digest = hashlib.sha256()
        self.bytes = self._told = 0
        self.total, self.etag, self.last_modified = total, etag, last_modified
        self._look_for_room()

    def go_on(self, earlier: Kept) -> bool:
        """Take up what an earlier process wrote into the file, if it still is what was noted.

        :raises DiskFull: when there is no room for the rest
        """
        digest, missing = hashlib.sha256(), earlier.bytes
        self._part.seek(0)
        while missing and (block := self._part.read(min(missing, _BLOCK))):
            digest.update(block)
            missing -= len(block)
        if missing or digest.hexdigest() != earlier.sha256:
            return False
        self._part.seek(earlier.bytes)
        self._part.truncate()
        self._digest = digest
        self.bytes = self._told = earlier.bytes
        self.total, self.etag, self.last_modified = earlier.total, earlier.etag, earlier.last_modified
        self._look_for_room()
        return True

    def _look_for_room(self) -> None:
        missing = 0 if self.total is None else self.total - self.bytes
        free = shutil.disk_usage(self._folder).free
        if missing and free < missing + _TO_SPARE:
            raise DiskFull(
                f"{self.url} has {self.total:,} bytes; {self._folder} has {free:,} free, of which "
                f"{_TO_SPARE:,} are not to be used. Make room there, or set TMPDIR to a larger disk, and "
                "try again."
            )

    def take(self, block: bytes) -> None:
        """Write the next bytes."""
        self._part.write(block)
        self._digest.update(block)
        self.bytes += len(block)
        now = time.monotonic()
        step = (self.total or 0) * 0.05
        if 0 < step <= self.bytes - self._told or now - self._told_at >= 1:
            self._tell()
        if now - self._noted_at >= 1:
            self.note()

    def end(self) -> None:
        """Tell that nothing is missing, and write it down."""
        self._tell()
        self.total = self.bytes
        self.note()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self.bytes, self.total)
        self._told, self._told_at = self.bytes, time.monotonic()

    def note(self) -> None:
        """Write down what has arrived, if it is to be kept and of use."""
        self._noted_at = time.monotonic()
        so_far = Kept(self.url, self.etag, self.last_modified, self.total, self.bytes, self.sha256)
        if self._keep and so_far.useful:
            self._part.flush()
            so_far.write(self._folder)
