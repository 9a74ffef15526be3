"""Reading a CSV file as bytes: uncompressed blocks, how many records they hold, and single records."""

from __future__ import annotations

import zlib
from typing import IO, TYPE_CHECKING

from nyc_taxi.errors import NotTheFile, TruncatedFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_GZIP = b"\x1f\x8b"
_OTHERS = {
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "a Parquet file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
}
_READ = 1 << 18
_LONGEST_QUOTED = 1 << 16


def blocks(path: Path, size: int = 1 << 20) -> Iterator[bytes]:
    """Yield a file's uncompressed content in order, in blocks of at most ``size`` bytes, none of them empty.

    Whether it is compressed is told by its first bytes, not by its name. A gzip file may have several
    members; the checksum and length of each are verified.

    :raises NotTheFile: when it is empty, or an archive or a page
    :raises TruncatedFile: when it ends early, or its compressed data are damaged
    """
    with path.open("rb") as file:
        head = file.read(16)
        file.seek(0)
        _check_kind(head, path)
        if head.startswith(_GZIP):
            yield from _inflated(file, path, size)
            return
        while block := file.read(size):
            yield block


def _check_kind(head: bytes, path: Path) -> None:
    if not head:
        raise NotTheFile(f"{path.name} is empty. Look at the file at its source.")
    for magic, kind in _OTHERS.items():
        if head.startswith(magic):
            raise NotTheFile(f"{path.name} is {kind}, not a CSV file. Look at the file at its source.")
    if head.lstrip().startswith(b"<"):
        raise NotTheFile(
            f"{path.name} is a page ({head[:16]!r}), not a CSV file. Look at the source's address."
        )


def _inflated(file: IO[bytes], path: Path, size: int) -> Iterator[bytes]:
    """Yield the content of all members of a gzip file."""
    member = zlib.decompressobj(wbits=31)
    done = 0
    data = file.read(_READ)
    while data:
        try:
            block = member.decompress(data, size)
        except zlib.error as error:
            raise TruncatedFile(_damaged(path, done, str(error))) from None
        done += len(block)
        if block:
            yield block
        if member.eof:
            data = member.unused_data or file.read(_READ)
            # tools pad a file with zeros, to a whole number of blocks
            data = data.lstrip(b"\0")
            if data and not data.startswith(_GZIP[: len(data)]):
                raise TruncatedFile(_damaged(path, done, "something else follows the compressed data"))
            if data:
                member = zlib.decompressobj(wbits=31)
        else:
            data = member.unconsumed_tail or file.read(_READ)
    if not member.eof:
        raise TruncatedFile(_damaged(path, done, "the compressed data end early"))


def _damaged(path: Path, done: int, why: str) -> str:
    return (
        f"{path.name} is damaged after {done:,} bytes of content: {why}. "
        "It was not stored or fetched whole; fetch it again, and look at it at its source."
    )


class RecordCounter:
    """Counts the records of a CSV file from its bytes, whatever they are cut into.

    A record ends at a line end outside quotes; what follows the last line end is a record, too. A blank
    line counts as well, and so the result is exact for files without blank lines only.

    :param line_end: how records end
    """

    def __init__(self, line_end: bytes) -> None:
        self._end = b"\r" if line_end == b"\r" else b"\n"
        self._others = bytes(set(range(256)) - {ord('"'), self._end[0]})
        self._open = False
        self._records = 0
        self._last = self._end

    @property
    def ends_in_newline(self) -> bool:
        """Whether what was fed so far ends in a line end, or is empty."""
        return self._last == self._end

    def feed(self, block: bytes) -> None:
        """Count the records that end in the next block of the file."""
        if not block:
            return
        self._last = block[-1:]
        if not self._open and b'"' not in block:
            self._records += block.count(self._end)
            return
        # Nothing but quotes and line ends is left, and of a quoted field without a line end nothing.
        marks = block.translate(None, self._others)
        marks = (b'"' + marks if self._open else marks).replace(b'""', b"")
        parts = marks.split(b'"')
        self._records += sum(part.count(self._end) for part in parts[::2])
        self._open = len(parts) % 2 == 0

    def finish(self) -> int:
        """Return the number of records of the whole file."""
        return self._records + (not self.ends_in_newline)


def records(content: Iterable[bytes], line_end: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield every record with the number of its first line, from 1, blank lines included.

    A record goes on over a line end inside quotes. A quote that is not closed within 64 KiB is taken for
    a stray one, and its line for a record by itself, so that it cannot swallow the rest of the file.
    Nothing is changed: the records joined by the line end are the content.

    :param content: the file's bytes from the first record on, in blocks
    :param line_end: how records end
    """
    end = b"\r" if line_end == b"\r" else b"\n"
    lines = _lines(content, end)
    number = 0
    held: list[bytes] = []

    for line in lines:
        held.append(line)
        while held:
            taken = _whole_record(held, end)
            if taken == 0:
                break
            yield number + 1, _trimmed(end.join(held[:taken]), line_end)
            number += taken
            del held[:taken]
    while held:
        taken = _whole_record(held, end) or 1
        yield number + 1, _trimmed(end.join(held[:taken]), line_end)
        number += taken
        del held[:taken]


def _whole_record(lines: list[bytes], end: bytes) -> int:
    """Return how many of the lines make the first record; 0 when it may go on after them."""
    quotes = size = 0
    for count, line in enumerate(lines, start=1):
        quotes += line.count(b'"')
        size += len(line) + len(end)
        if quotes % 2 == 0:
            return count
        if size > _LONGEST_QUOTED:
            return 1
    return 0


def _trimmed(record: bytes, line_end: bytes) -> bytes:
    return record.removesuffix(b"\r") if line_end == b"\r\n" else record


def _lines(content: Iterable[bytes], end: bytes) -> Iterator[bytes]:
    """Yield lines without their end; a last one that is empty is none."""
    rest: list[bytes] = []
    for block in content:
        first, *more = block.split(end)
        rest.append(first)
        for line in more:
            yield b"".join(rest)
            rest = [line]
    last = b"".join(rest)
    if last:
        yield last
