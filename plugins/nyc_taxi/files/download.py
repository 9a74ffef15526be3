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
from nyc_taxi.errors import DownloadInterrupted, SourceUnreachable, TransientError
from nyc_taxi.files.content import is_wrapped, suffix_of, unwrap
from nyc_taxi.files.partial_file import PartialFile
from nyc_taxi.files.source import local_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nyc_taxi.files.credentials import Credentials
    from nyc_taxi.files.publication import Publication

_BLOCK = 1 << 20


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
    :param bytes: size as the source sent it
    :param sha256: hash of its content as it is at ``path``, in hexadecimal
    :param length_proven: whether the server stated the length, and exactly so many bytes arrived
    """

    path: Path
    url: str
    etag: str | None
    last_modified: datetime | None
    bytes: int
    sha256: str
    length_proven: bool = False


def download(
    publication: Publication,
    folder: Path,
    *,
    credentials: Credentials | None = None,
    limits: Limits = LIMITS,
    progress: Callable[[int, int | None], None] | None = None,
) -> File:
    """Download the file of a published month into a folder, under a name made of dataset, month and kind.

    For the other parameters and errors see :func:`fetch`.

    :param publication: the source's answer about the month
    :param folder: where to put the file; it is created when missing
    :raises NotPublishedYet: when the answer was *not yet*
    :raises NeverInSource: when the answer was *never*
    """
    publication.require()
    stem = f"{get_dataset(publication.dataset).name}_tripdata_{publication.month}"
    return _fetch(publication.url, folder / stem, credentials, limits, progress, add_suffix=True)


def fetch(
    url: str,
    to: Path,
    *,
    credentials: Credentials | None = None,
    limits: Limits = LIMITS,
    progress: Callable[[int, int | None], None] | None = None,
) -> File:
    """Download one file from a web or ``file://`` address.

    The file appears under its final name only when all of it has arrived, and is not a page. A gzip that
    was packed once more on the way is unpacked once. An interrupted transfer is resumed, as often as the
    limits allow. A failure leaves nothing behind. A gzip's checksum is verified where the file is read.

    :param url: the address
    :param to: the final path; an existing file is replaced
    :param credentials: what the address's server wants to see
    :param limits: how long it may take
    :param progress: called with the bytes so far and in total (None if unknown), once per second or each 5 %
    :raises SourceUnreachable: when the source does not respond, fails, or has removed the file
    :raises SourceRefused: when it answers in a way that another try will not change
    :raises DownloadInterrupted: when not all bytes arrive in time, or the file changes meanwhile
    :raises NotTheFile: when it is a page, or empty
    :raises TruncatedFile: when it is a Parquet file without its end
    :raises TransientError: when there is no room for it
    """
    return _fetch(url, to, credentials, limits, progress)


def _fetch(
    url: str,
    to: Path,
    credentials: Credentials | None,
    limits: Limits,
    progress: Callable[[int, int | None], None] | None,
    *,
    add_suffix: bool = False,
) -> File:
    """Download one file; see :func:`fetch`.

    :param add_suffix: whether the name of the final path still lacks the suffix of the file's kind
    """
    deadline = time.monotonic() + limits.total
    try:
        with _temporary(to) as file:
            part = PartialFile(url, file, progress)
            if path := local_path(url):
                _copy(path, part)
            else:
                from nyc_taxi.files.transfer import receive

                receive(part, limits, deadline=deadline, credentials=credentials)
            part.finish()
            sha256 = unwrap(file, to.parent, url) if is_wrapped(file) else part.sha256
            suffix = suffix_of(file, url, part.encoding)
            if add_suffix:
                to = to.with_name(f"{to.name}{suffix}")
            file.flush()
            Path(file.name).replace(to)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise TransientError(f"{url} does not fit in {to.parent}. Make room there, and try again.") from error
    return File(
        path=to,
        url=url,
        etag=part.etag,
        last_modified=part.last_modified,
        bytes=part.bytes,
        sha256=sha256,
        length_proven=path is None and part.total is not None,
    )


@contextmanager
def _temporary(to: Path) -> Iterator[IO[bytes]]:
    """Open a private file next to the final one; it is removed unless it was renamed."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=to.parent, prefix=f"{to.name}.", suffix=".part", delete=False) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)


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
