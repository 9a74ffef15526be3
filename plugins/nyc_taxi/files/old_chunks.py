"""Cutting a CSV body into chunks of whole records, so that several readers can share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nyc_taxi.files.old_csvfile import RecordCounter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK_SIZE: Final = 4 << 20
"""Bytes after which a chunk ends with the next whole record."""

LONGEST: Final = 16 << 20
"""Bytes that no chunk of a trip file can reach: a quote in it is never closed."""


class NoRecordEnd(Exception):
    """A body goes on for so long without the end of a record that it cannot be cut."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole records that follow each other in a file.

    :param first: ordinal of its first record in the file, from 1
    :param rows: how many records it has, counted in its bytes
    :param parts: its bytes
    """

    first: int
    rows: int
    parts: tuple[bytes, ...]


def chunks(body: Iterable[bytes], line_end: bytes, size: int = CHUNK_SIZE) -> Iterator[Chunk]:
    """Cut a body into chunks at record ends outside quotes; together they are the body, in order.

    :param body: the data lines, cut anywhere
    :param line_end: their line end
    :param size: bytes after which a chunk ends as soon as a record does
    :raises NoRecordEnd: when :data:`LONGEST` bytes hold no end of a record
    """
    newline = line_end[-1:]
    first, held = 1, 0
    parts: list[bytes] = []
    counter = RecordCounter(line_end)
    for block in body:
        rest = block
        if held + len(block) >= size and (cut := block.rfind(newline) + 1):
            rest = block[cut:]
            counter.feed(block[:cut])
            parts.append(block[:cut])
            held += cut
            if counter.ends_in_newline:
                rows = counter.finish()
                yield Chunk(first, rows, tuple(parts))
                first += rows
                counter, parts, held = RecordCounter(line_end), [], 0
        if rest:
            counter.feed(rest)
            parts.append(rest)
            held += len(rest)
        if held > LONGEST:
            raise NoRecordEnd(f"{held:,} bytes from row {first:,} on hold no end of a record.")
    if held:
        yield Chunk(first, counter.finish(), tuple(parts))
