"""Fetching one file: whole and checked under its final name, or not there at all."""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.excerpt import excerpt
from nyc_taxi.errors import (
    DiskFull,
    DownloadInterrupted,
    InvalidSource,
    NeverInSource,
    NotPublishedYet,
    NotTheFile,
    SourceUnreachable,
)
from nyc_taxi.files.arrived import Arrived
from nyc_taxi.files.publication import State
from nyc_taxi.files.source import local_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from nyc_taxi.files.publication import Publication

SUFFIXES = (".csv.gz", ".csv", ".parquet")
_BLOCK = 1 << 20
_SMALLEST_GZIP = 18
_SMALLEST_PARQUET = 12


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a download may take, in seconds, and how often it may begin again.

    :param connect: to connect
    :param read: to wait for more bytes
    :param total: for the whole file, pauses and further tries included
    :param tries: transfers of one file, the first included
    :param pause: before the second try; it doubles with each further one, and varies by half
    :param patience: that a source may ask to wait before the next try
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
    """A file that was fetched.

    :param path: where it is now
    :param url: where it came from
    :param etag: entity tag of the very answer that held these bytes, if there was one
    :param last_modified: when the source changed the file, with time zone, if that answer says so
    :param bytes: size as stored
    :param sha256: hash of the bytes as stored, in hexadecimal
    """

    path: Path
    url: str
    etag: str | None
    last_modified: datetime | None
    bytes: int
    sha256: str


def download(
    publication: Publication,
    folder: Path,
    *,
    keep: bool = False,
    session: requests.Session | None = None,
    limits: Limits = LIMITS,
    progress: Callable[[int, int | None], None] | None = None,
) -> File:
    """Fetch the file of a published month into a folder, under a name made of dataset and month alone.

    :param publication: the source's answer about the month
    :param folder: where to put the file; it is made when missing
    :param keep: whether what arrived from the web stays in the folder after a failure, and is gone on with
        or used by the next call, as long as the source has the same version. Nobody else may use the
        folder meanwhile: see :mod:`nyc_taxi.files.scratch`
    :raises NotPublishedYet: when the answer was *not yet*
    :raises NeverInSource: when the answer was *never*

    For the other parameters and errors see :func:`fetch`.
    """
    if publication.state is State.NOT_YET:
        raise NotPublishedYet(publication.detail)
    if publication.state is State.NEVER:
        raise NeverInSource(publication.detail)
    suffix = next((suffix for suffix in SUFFIXES if publication.url.endswith(suffix)), None)
    if suffix is None:
        raise InvalidSource(f"{publication.url} ends in none of {', '.join(SUFFIXES)}. Check the source.")
    name = f"{get_dataset(publication.dataset).name}_tripdata_{publication.month}{suffix}"
    earlier = publication if keep and local_path(publication.url) is None else None
    return _fetch(publication.url, folder / name, session, limits, progress, earlier)


def fetch(
    url: str,
    to: Path,
    *,
    session: requests.Session | None = None,
    limits: Limits = LIMITS,
    progress: Callable[[int, int | None], None] | None = None,
) -> File:
    """Fetch one file from a web or ``file://`` address.

    The file appears under its final name only when all of it has arrived, and begins (and ends, for
    Parquet) as its name promises. An interrupted transfer is gone on with, as often as the limits allow.
    After any failure nothing is left. A gzip's checksum is verified where the file is read.

    :param url: the address
    :param to: the final path; a file that is there is replaced
    :param session: the HTTP session to use
    :param limits: how long it may take
    :param progress: told the bytes so far and in all (None if unknown), once a second or each 5 %
    :raises SourceUnreachable: when the source does not answer, fails, or has taken the file back
    :raises SourceRefused: when it answers something that asking again will not change
    :raises DownloadInterrupted: when not all bytes arrive in time, or the file changes meanwhile
    :raises NotTheFile: when what was served is another kind of thing
    :raises DiskFull: when there is no room for it
    """
    return _fetch(url, to, session, limits, progress)


def _fetch(
    url: str,
    to: Path,
    session: requests.Session | None,
    limits: Limits,
    progress: Callable[[int, int | None], None] | None,
    publication: Publication | None = None,
) -> File:
    """Fetch one file.

    :param publication: what the source says about the file, if what arrives of it is to be kept
    """
    deadline = time.monotonic() + limits.total
    keep = publication is not None
    try:
        with _kept_part(to) if keep else _part(to) as part:
            arrived = Arrived(url, part, progress, keep=keep)
            with _noted(arrived):
                if path := local_path(url):
                    _copy(path, arrived)
                else:
                    from nyc_taxi.files.transfer import receive, take_up

                    if publication is None or not take_up(arrived, to.parent, publication):
                        receive(url, arrived, session=session, limits=limits, deadline=deadline)
            arrived.end()
            _check_kind(part, url, to.name, arrived.bytes)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise DiskFull(f"{url} does not fit in {to.parent}. Make room there, and try again.") from error
    return File(to, url, arrived.etag, arrived.last_modified, arrived.bytes, arrived.sha256)


@contextmanager
def _part(to: Path) -> Iterator[IO[bytes]]:
    """Open a private file beside the final one; on success it becomes that one, else it is removed."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=to.parent, prefix=f"{to.name}.", suffix=".part", delete=False) as part:
        try:
            yield part
            part.flush()
            Path(part.name).replace(to)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


@contextmanager
def _kept_part(to: Path) -> Iterator[IO[bytes]]:
    """Open the file that an earlier call left, or a new one; on success it becomes the final one."""
    to.parent.mkdir(parents=True, exist_ok=True)
    path = to.with_name(f"{to.name}.part")
    if to.exists():
        to.replace(path)
    path.touch(mode=0o600)
    with path.open("r+b") as part:
        yield part
        part.flush()
        path.replace(to)


@contextmanager
def _noted(arrived: Arrived) -> Iterator[None]:
    """Write down how far it came, also when it is stopped."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            arrived.note()
        raise


def _copy(path: Path, arrived: Arrived) -> None:
    """Take a file of a folder. It is copied, so that what is loaded is what was hashed."""
    try:
        source = path.open("rb")
    except OSError as error:
        raise SourceUnreachable(
            f"{path} cannot be read: {error.strerror}. Check it, and try again."
        ) from error
    with source:
        before = os.fstat(source.fileno())
        arrived.begin(before.st_size, None, datetime.fromtimestamp(before.st_mtime, UTC))
        for block in _blocks(source, path):
            arrived.take(block)
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


def _check_kind(part: IO[bytes], url: str, name: str, size: int) -> None:
    """Refuse a file that is empty, or not of the kind that its name says."""
    part.seek(0)
    head = part.read(300)
    part.seek(max(0, size - 4))
    tail = part.read(4)
    if not head:
        raise NotTheFile(f"{url} is empty. Ask again when the source has the file.")
    if name.endswith(".gz") and not (head.startswith(b"\x1f\x8b") and size >= _SMALLEST_GZIP):
        raise NotTheFile(f"{url} is no gzip file: it begins with {excerpt(head)}")
    if name.endswith(".parquet") and not (
        head.startswith(b"PAR1") and tail == b"PAR1" and size >= _SMALLEST_PARQUET
    ):
        raise NotTheFile(f"{url} is no Parquet file: it begins with {excerpt(head)}, ends with {tail!r}")
