"""Reading a CSV file at full speed: its bytes go to COPY as they are."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from nyc_taxi.files.csvfile import blocks
from nyc_taxi.files.header import plan_csv
from nyc_taxi.files.old_chunks import NoRecordEnd, chunks
from nyc_taxi.postgres.intake import Intake, Loaded
from nyc_taxi.postgres.measure import measure
from nyc_taxi.postgres.streams import NotPlain, copy_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import psycopg

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.month import Month
    from nyc_taxi.files.old_chunks import Chunk
    from nyc_taxi.postgres.tables import StageTable

_OPENING: Final = 1 << 16
"""Bytes from which a file's header and layout are told."""

_ORDINARY: Final = b'0123456789-:. ,"\r\nNYB'
"""Bytes of which no value consists that Postgres would take although it is not one."""

_SPECIAL: Final = re.compile(
    rb"(?:now|today|tomorrow|yesterday|epoch|infinity|allballs|nan|inf)\b|(?<=0)[xob]|_\d"
    rb"|:\d\d(?:\.\d+)? ?[a-z+]",
    re.IGNORECASE,
)
"""Input that Postgres takes for a time or a number: the time of loading, infinity, 0x1F, 1_000.

And a time with a zone, which it would take without a word about the zone.
"""

_OFFSET: Final = re.compile(rb":\d\d(?:\.\d+)? ?-")
_SHORT_YEAR: Final = re.compile(rb"-\d\d?-(?<!\d{4}-\d\d-)(?<!\d{4}-\d-)")
_LOOKED_AT: Final = 1 << 14
"""Bytes of each block in which times are looked for that consist of ordinary bytes, and are not ordinary.

A zone west of Greenwich, ``10:00:00-05``, or a year of two digits. Postgres takes both. A program that
writes one such time writes all of them so, and looking at every byte would make a load an eighth slower.
"""


def copy_csv(
    connections: Sequence[psycopg.Connection[Any]],
    dataset: Dataset,
    month: Month,
    stage: StageTable,
    path: Path,
    progress: Callable[[int], None],
) -> Loaded:
    """Copy a file's rows into its stage table, numbered in the file's order, and count them in the file.

    :param connections: over which to copy at the same time, as
        :func:`~nyc_taxi.postgres.streams.copy_chunks` does
    :param progress: called with the bytes of content read so far, by one thread at a time
    :raises NotPlain: when COPY and the file's own bytes disagree, or a value may not be what it seems
    :raises psycopg.DataError: when COPY refuses a value
    :raises SchemaDrift: when the dataset's policy does not accept the header
    :raises NotTheFile: when it is not a CSV file
    :raises TruncatedFile: when its compressed data end early
    """
    content = blocks(path)
    first = opening(content)
    plan = plan_csv(dataset, first)
    rows, size = 0, plan.data_offset

    def counted() -> Iterator[Chunk]:
        nonlocal rows, size
        for chunk in chunks(_plain(chain((first[plan.data_offset :],), content)), plan.line_end):
            rows += chunk.rows
            size += sum(map(len, chunk.parts))
            progress(size)
            yield chunk

    try:
        measured = copy_chunks(
            connections,
            Intake(stage, plan),
            counted(),
            lambda connection: measure(connection, stage, dataset, month),
        )
    except NoRecordEnd as error:
        raise NotPlain(str(error)) from error
    return Loaded(plan, rows, measured.rows, 0, size, measured)


def opening(content: Iterator[bytes]) -> bytes:
    """Take enough of a file's first blocks to plan it; the first member of a gzip file may be tiny."""
    first = b""
    for block in content:
        first += block
        if len(first) >= _OPENING:
            break
    return first


def _plain(content: Iterator[bytes]) -> Iterator[bytes]:
    """Pass blocks on as long as nothing in them could be one of Postgres' special values.

    One pass over the bytes tells that a block holds digits, dates and flags only; the words are looked
    for in the other blocks.
    """
    tail = b""
    for block in content:
        if block.translate(None, _ORDINARY) and _SPECIAL.search(tail + block):
            raise NotPlain("The file may hold words that Postgres would take for a time or a number.")
        start = tail + block[:_LOOKED_AT]
        if _OFFSET.search(start) or _SHORT_YEAR.search(start, max(0, len(tail) - 3)):
            raise NotPlain("The file may hold times with a zone, or with a year of two digits.")
        tail = block[-16:]
        yield block
