"""Downloading one file: it appears whole and checked under its final name, or not at all."""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.excerpt import excerpt
from nyc_taxi.errors import DownloadInterrupted, InvalidSource, NotTheFile, SourceUnreachable, TransientError
from nyc_taxi.files.partial_file import PartialFile
from nyc_taxi.files.source import local_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nyc_taxi.files.publication import Publication

SUFFIXES = (".csv.gz", ".csv", ".parquet")
_BLOCK = 1 << 20
_SMALLEST_GZIP = 18
_SMALLEST_PARQUET = 12


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a download may take, in seconds, and how often it is tried.

    :param connect: to connect
    :param read: to wait for more bytes
    :param total: for the whole file, including pauses and further tries
    :param tries: transfers of one file, including the first
    :param pause: before the second try; it doubles with each further one, and varies by half
    :param patience: the longest pause that a source may request
    """

    connect: float = 10.0
    read: float = 60.0
    total: float = 3600.0
    tries: int = 4
    pause: float = 1.0
    patience: float = 120.0


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class File:
    """A downloaded file.

    :param path: where it is now
    :param url: where it came from
    :param etag: entity tag of the response that held these bytes, if there was one
    :param last_modified: when the source changed the file, with time zone, if that response states it
    :param bytes: size as stored
    :param sha256: hash of the bytes as stored, in hexadecimal
    :param whole: whether the source stated the length, so that the file is not cut
    """

    path: Path
    url: str
    etag: str | None
    last_modified: datetime | None
    bytes: int
    sha256: str
    whole: bool = False


def download(
    publication: Publication,
    folder: Path,
    *,
    limits: Limits = LIMITS,
    progress: Callable[[int, int | None], None] | None = None,
) -> File:
    """Download the file of a published month into a folder, under a name made of dataset and month alone.

    For the other parameters and errors see :func:`fetch`.

    :param publication: the source's answer about the month
    :param folder: where to put the file; it is created when missing
    :raises NotPublishedYet: when the answer was *not yet*
    :raises NeverInSource: when the answer was *never*
    """
    publication.require()
    suffix = next((suffix for suffix in SUFFIXES if publication.url.endswith(suffix)), None)
    if suffix is None:
        raise InvalidSource(f"{publication.url} ends in none of {', '.join(SUFFIXES)}. Check the source.")
    name = f"{get_dataset(publication.dataset).name}_tripdata_{publication.month}{suffix}"
    return fetch(publication.url, folder / name, limits=limits, progress=progress)


def fetch(
    url: str,
    to: Path,
    *,
    limits: Limits = LIMITS,
    progress: Callable[[int, int | None], None] | None = None,
) -> File:
    """Download one file from a web or ``file://`` address.

    The file appears under its final name only when all of it has arrived, and begins (and ends, for
    Parquet) as its name promises. An interrupted transfer is resumed, as often as the limits allow.
    A failure leaves nothing behind. A gzip's checksum is verified where the file is read.

    :param url: the address
    :param to: the final path; an existing file is replaced
    :param limits: how long it may take
    :param progress: called with the bytes so far and in total (None if unknown), once per second or each 5 %
    :raises SourceUnreachable: when the source does not respond, fails, or has removed the file
    :raises SourceRefused: when it answers in a way that another try will not change
    :raises DownloadInterrupted: when not all bytes arrive in time, or the file changes meanwhile
    :raises NotTheFile: when the content is not what the name promises
    :raises TransientError: when there is no room for it
    """
    deadline = time.monotonic() + limits.total
    try:
        with _temporary(to) as file:
            part = PartialFile(url, file, progress)
            if path := local_path(url):
                _copy(path, part)
            else:
                from nyc_taxi.files.transfer import receive

                receive(part, limits, deadline=deadline)
            whole = local_path(url) is None and part.total is not None
            part.finish()
            _check_kind(file, url, to.name, part.bytes)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise TransientError(f"{url} does not fit in {to.parent}. Make room there, and try again.") from error
    return File(to, url, part.etag, part.last_modified, part.bytes, part.sha256, whole)


@contextmanager
def _temporary(to: Path) -> Iterator[IO[bytes]]:
    """Open a private file next to the final one; on success it replaces that one, otherwise it is removed."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=to.parent, prefix=f"{to.name}.", suffix=".part", delete=False) as file:
        try:
            yield file
            file.flush()
            Path(file.name).replace(to)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _copy(path: Path, part: PartialFile) -> None:
    """Copy a file of a local folder, so that what is loaded is what was hashed."""
    try:
        source = path.open("rb")
    except OSError as error:
        raise SourceUnreachable(
            f"{path} cannot be read: {error.strerror}. Check it, and try again."
        ) from error
    with source:
        before = os.fstat(source.fileno())
        part.begin(before.st_size, None, datetime.fromtimestamp(before.st_mtime, UTC))
        for block in _blocks(source, path):
            part.write(block)
        after = os.fstat(source.fileno())
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
            raise DownloadInterrupted(
                f"{path} was changed while it was copied. Try again when it is complete."
            )


def _blocks(source: IO[bytes], path: Path) -> Iterator[bytes]:
    try:
        yield from iter(lambda: source.read(_BLOCK), b"")
    except OSError as error:
        raise DownloadInterrupted(
            f"{path} cannot be read: {error.strerror}. Check it, and try again."
        ) from error


def _check_kind(file: IO[bytes], url: str, name: str, size: int) -> None:
    """Refuse a file that is empty, or not of the kind that its name promises."""
    file.seek(0)
    head = file.read(300)
    file.seek(max(0, size - 4))
    tail = file.read(4)
    if not head:
        raise NotTheFile(f"{url} is empty. Try again when the source has the file.")
    if name.endswith(".gz") and not (head.startswith(b"\x1f\x8b") and size >= _SMALLEST_GZIP):
        raise NotTheFile(f"{url} is not a gzip file: it begins with {excerpt(head)}")
    if name.endswith(".parquet") and not (
        head.startswith(b"PAR1") and tail == b"PAR1" and size >= _SMALLEST_PARQUET
    ):
        raise NotTheFile(f"{url} is not a Parquet file: it begins with {excerpt(head)}, ends with {tail!r}")
