"""The content of a CSV file, compressed or not, in blocks."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

from nyc_taxi.errors import NotTheFile, TruncatedFile

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
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


def blocks(path: Path, size: int = BLOCK_SIZE) -> Generator[bytes, None, None]:
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
