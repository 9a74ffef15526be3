"""Cutting a CSV body into chunks of whole records, with their place in the file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np

from nyc_taxi.errors import NotTheFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK_SIZE: Final = 4 << 20
"""Bytes after which a chunk ends with the next whole record."""

_FIELD: Final = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\r\n]*+)'
RECORD: Final = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*+")
"""A well-formed record: each quoted field begins and ends at a comma or at the record's ends."""
_FIELD_IN_LINE: Final = rb'(?:"[^"\r\n]*+(?:""[^"\r\n]*+)*+"|[^",\r\n]*+)'
_LINES: Final = re.compile(rb"(?:" + _FIELD_IN_LINE + rb"(?:," + _FIELD_IN_LINE + rb")*+(?:\r\n|\n|\r|\Z))*+")
_LONGEST_QUOTED: Final = 1 << 16
"""Bytes within which a record that goes over several lines has to end."""
_LONGEST_LINE: Final = 1 << 26
"""Bytes that no line of a trip file can reach: whatever has longer ones is not one."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a CSV body.

    :param line: number of its first line in the file, from 1
    :param content: its bytes, without the line end
    """

    line: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole records that follow each other in a file.

    :param first_row: ordinal of its first record in the file, from 1
    :param first_line: number of its first line in the file, from 1
    :param rows: how many records it has, without blank lines
    :param content: its bytes
    :param irregular: its records one by one, when its lines are not simply its records; otherwise empty
    """

    first_row: int
    first_line: int
    rows: int
    content: bytes
    irregular: tuple[Record, ...] = ()


def chunks(
    body: Iterable[bytes], line_end: bytes, first_line: int = 1, size: int = CHUNK_SIZE
) -> Iterator[Chunk]:
    """Cut a body into chunks; together they are the body, in order.

    A chunk is regular when each of its lines is one record of UTF-8 text: no blank lines, no quotes but
    those around whole fields, no line ends within them or of another kind, no NUL bytes. Blank lines are
    not records, and a last line without its end is one.

    :param body: the data lines, cut anywhere
    :param line_end: their line end; where LF and CRLF are mixed, a CR may stay in its record
    :param first_line: number of the body's first line in the file
    :param size: bytes after which a chunk ends as soon as a record does
    :raises NotTheFile: when a line is longer than 64 MiB
    """
    newline = line_end[-1:]
    row, line = 1, first_line
    parts: list[bytes] = []
    held = 0
    for block in chain(body, (None,)):
        rest = b""
        if block:
            held += len(block)
            cut = block.rfind(newline) + 1 if held >= size else 0
            parts.append(block[:cut] if cut else block)
            rest = block[cut:] if cut else b""
            if not cut and held < _LONGEST_LINE:
                continue
        elif not held:
            continue
        content = b"".join(parts)
        whole = block is None or content.endswith(newline)
        lines = rows = _rows(content, newline) if whole else None
        records: tuple[Record, ...] = ()
        if rows is None or lines is None:
            found, end = _walk(content, line_end, line, last=block is None)
            rest = content[end:] + rest
            content = content[:end]
            records = tuple(record for record in found if record.content.strip(b"\r\n"))
            rows, lines = len(records), content.count(newline)
        if content:
            yield Chunk(row, line, rows, content, records)
            row += rows
            line += lines
        parts, held = [rest], len(rest)
        if held > _LONGEST_LINE:
            raise NotTheFile(
                f"Line {line:,} has more than {_LONGEST_LINE:,} bytes, so this is not a file of trips. "
                "Check the source."
            )


def records(body: bytes, line_end: bytes, first_line: int = 1) -> Iterator[Record]:
    """Yield each record of a whole body, blank lines as empty ones.

    A record is a line. It goes on over line ends within quotes only if, taken as a whole, it is a
    well-formed record of at most 64 KiB. A stray quote therefore spoils its own line and no other.
    """
    return iter(_walk(body, line_end, first_line, last=True)[0])


def _rows(content: bytes, newline: bytes) -> int | None:
    """Return how many records some lines are, when each is one; None when they need a closer look."""
    letters = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(letters == newline[0])
    if ends.size == 0 or ends[-1] != len(content) - 1:
        ends = np.append(ends, len(content))
    returns = content.count(b"\r") if newline == b"\n" and b"\r" in content else 0
    if returns and (content.endswith(b"\r") or returns != np.count_nonzero(letters[ends - 1] == ord("\r"))):
        return None
    shortest = min(ends[0] + 1, np.diff(ends).min(initial=len(content)))
    if shortest <= 1 + bool(returns) or b"\0" in content or (newline == b"\r" and b"\n" in content):
        return None
    if b'"' in content and _LINES.fullmatch(content) is None:
        return None
    return len(ends) if content.isascii() or _is_utf8(content) else None


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _walk(content: bytes, line_end: bytes, line: int, *, last: bool) -> tuple[list[Record], int]:
    """Return the records at the start of some content, blank lines included, and where they end.

    :param last: whether nothing follows the content
    """
    newline, before_newline = line_end[-1:], line_end[:-1]
    found: list[Record] = []
    start = 0
    while (end := _end_of_record(content, start, newline, last=last)) is not None:
        found.append(Record(line, content[start:end].removesuffix(before_newline)))
        line += 1 + content.count(newline, start, end)
        start = min(end + 1, len(content))
    return found, start


def _end_of_record(content: bytes, start: int, newline: bytes, *, last: bool) -> int | None:
    """Return where the record that begins at ``start`` ends, or None when more bytes are needed."""
    end = content.find(newline, start)
    if end < 0:
        return len(content) if last and start < len(content) else None
    if content.count(b'"', start, end) % 2 == 0:
        return end
    if not last and len(content) - start < _LONGEST_QUOTED + len(b"\r\n"):
        return None
    record = RECORD.match(content, start, start + _LONGEST_QUOTED)
    whole = record.end() if record else start
    if newline == b"\n" and content.startswith(b"\r\n", whole):
        whole += 1
    complete = content.startswith(newline, whole) or whole == len(content)
    return whole if complete else end
