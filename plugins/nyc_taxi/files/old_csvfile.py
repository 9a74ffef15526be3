"""The bytes of a CSV file, compressed or not: in blocks, counted, and record by record."""

from __future__ import annotations

import re
import zlib
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Final

from nyc_taxi.errors import NotTheFile, TruncatedFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

BLOCK_SIZE: Final = 1 << 20
"""Bytes of content in one block."""

_GZIP: Final = b"\x1f\x8b"
_OTHER_KINDS: Final = {
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "a parquet file",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"<": "a page of HTML or XML",
}
_READ_SIZE: Final = 1 << 18

_FIELD: Final = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\r\n]*+)'
_RECORD: Final = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*+")
_LONGEST_QUOTED: Final = 1 << 16
"""Bytes within which a record that goes over several lines has to end."""
_LONGEST_LINE: Final = 1 << 26
"""Bytes that no line of a trip file can reach: whatever has longer ones is not one."""


def blocks(path: Path, size: int = BLOCK_SIZE) -> Iterator[bytes]:
    """Yield a file's content in blocks of exactly ``size`` bytes, the last one being shorter.

    A gzip file is recognised by its first bytes, whatever its name, and may consist of several members.
    Memory use does not depend on the size of the file. What was yielded of a compressed file is known to
    be whole only after the last block: zlib compares checksum and length at the end of each member.

    :raises TruncatedFile: when compressed data end early, are damaged, or are followed by something else
    :raises NotTheFile: when the file is empty, or an archive or page of another kind
    """
    with path.open("rb") as file:
        first = file.read(_READ_SIZE)
        if first.startswith(_GZIP):
            yield from _gunzip(file, first, path, size)
            return
        if not first:
            raise NotTheFile(f"{path} is empty. Check the source, and fetch the file again.")
        for start, kind in _OTHER_KINDS.items():
            if first[:512].lstrip().startswith(start):
                raise NotTheFile(f"{path} is {kind}, not CSV or csv.gz: {first[:60]!r}. Check the source.")
        file.seek(0)
        while block := file.read(size):
            yield block


def _gunzip(file: BinaryIO, packed: bytes, path: Path, size: int) -> Iterator[bytes]:
    member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    parts: list[bytes] = []
    held = done = 0
    while packed:
        try:
            part = member.decompress(packed, size - held)
        except zlib.error as error:
            raise _truncated(path, f"cannot be decompressed ({error})", done + held) from error
        parts.append(part)
        held += len(part)
        if held == size:
            yield parts[0] if len(parts) == 1 else b"".join(parts)
            done += held
            parts, held = [], 0
        packed = member.unused_data if member.eof else member.unconsumed_tail
        packed = packed or file.read(_READ_SIZE)
        if packed and member.eof:
            if not packed.startswith(_GZIP[: len(packed)]):
                raise _truncated(path, f"goes on after its end with {packed[:20]!r}", done + held)
            member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    if not member.eof:
        raise _truncated(path, "ends before its end mark", done + held)
    if held:
        yield b"".join(parts)


def _truncated(path: Path, what: str, done: int) -> TruncatedFile:
    return TruncatedFile(
        f"{path} {what}, after {done:,} bytes of content. The file is cut or damaged: fetch it again, and "
        "if it comes the same, the source's own copy is damaged."
    )


class RecordCounter:
    """Counts the records of a CSV body as COPY does: line ends outside quotes, at the speed of C.

    A last record without a line end counts. So does a blank line, which COPY refuses anyway; only
    reading record by record tells blank lines from records.

    :param line_end: the line end of the body; for LF and CRLF alike, it is the LF that is counted
    """

    def __init__(self, line_end: bytes) -> None:
        self._newline = line_end[-1:]
        self._others = bytes(set(range(256)) - {*b'"', *self._newline})
        self._records = 0
        self._quoted = False
        self._last = self._newline

    def feed(self, block: bytes) -> None:
        """Count the next bytes of the body, however they are cut."""
        if not block:
            return
        self._last = block[-1:]
        if b'"' not in block:
            if not self._quoted:
                self._records += block.count(self._newline)
            return
        marks = block.translate(None, self._others).replace(b'""', b"")
        pieces = marks.split(b'"')
        self._records += sum(map(len, pieces[self._quoted :: 2]))
        self._quoted ^= len(pieces) % 2 == 0

    @property
    def ends_in_newline(self) -> bool:
        """Whether the last record, if there is one, has its line end."""
        return self._last == self._newline and not self._quoted

    def finish(self) -> int:
        """Return the number of records fed."""
        return self._records + (not self.ends_in_newline)


def records(blocks: Iterable[bytes], line_end: bytes, start_line: int = 1) -> Iterator[tuple[int, bytes]]:
    """Yield each record of a CSV body with the number of its first line; only the tolerant reading uses it.

    A record is a line. It goes on over line ends within quotes only if, taken as a whole, it is a
    well-formed record of at most 64 KiB: each quoted field begins and ends at a comma or at the record's
    ends. A stray quote therefore spoils its own line and no other. A blank line is an empty record.

    :param blocks: the body, cut anywhere
    :param line_end: the body's line end; where LF and CRLF are mixed, a CR may stay in its record
    :param start_line: number of the body's first line
    :return: line numbers, and records as they are in the file, without their line ends
    :raises NotTheFile: when a line is longer than 64 MiB
    """
    newline, before_newline = line_end[-1:], line_end[:-1]
    line = start_line
    held = b""
    for block in chain(blocks, (None,)):
        held += block or b""
        start = 0
        while (end := _end_of_record(held, start, newline, last=block is None)) is not None:
            yield line, held[start:end].removesuffix(before_newline)
            line += 1 + held.count(newline, start, end)
            start = end + 1
        held = held[start:]
        if len(held) > _LONGEST_LINE:
            raise NotTheFile(
                f"Line {line:,} has more than {_LONGEST_LINE:,} bytes, so this is no file of trips. "
                "Check the source."
            )


def _end_of_record(held: bytes, start: int, newline: bytes, *, last: bool) -> int | None:
    """Return where the record that begins at ``start`` ends, or None when more bytes have to tell.

    :param last: whether no more bytes follow
    """
    end = held.find(newline, start)
    if end < 0:
        return len(held) if last and start < len(held) else None
    if held.count(b'"', start, end) % 2 == 0:
        return end
    if not last and len(held) - start < _LONGEST_QUOTED + len(b"\r\n"):
        return None
    record = _RECORD.match(held, start, start + _LONGEST_QUOTED)
    whole = record.end() if record else start
    if newline == b"\n" and held.startswith(b"\r\n", whole):
        whole += 1
    complete = held.startswith(newline, whole) or whole == len(held)
    return whole if complete else end
