"""Reading a CSV file at full speed: its bytes go to COPY as they are."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from nyc_taxi.core.csvfile import RecordCounter, blocks
from nyc_taxi.core.header import plan_csv
from nyc_taxi.postgres.intake import Intake, Loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import psycopg

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.postgres.tables import StageTable

_OPENING: Final = 1 << 16
"""Bytes from which a file's header and layout are told."""

_ORDINARY: Final = b'0123456789-:. ,"\r\nNYB'
"""Bytes of which no value consists that Postgres would take although it is not one."""

_SPECIAL: Final = re.compile(
    rb"(?:now|today|tomorrow|yesterday|epoch|infinity|allballs|nan|inf)\b|(?<=0)[xob]|_\d", re.IGNORECASE
)
"""Input that Postgres takes for a time or a number: the time of loading, infinity, 0x1F, 1_000."""


class NotPlain(Exception):
    """The file holds something that only a closer reading, row by row, can judge."""


def copy_csv(
    connection: psycopg.Connection[Any],
    dataset: Dataset,
    stage: StageTable,
    path: Path,
    progress: Callable[[int], None],
) -> Loaded:
    """Copy a file's rows into its stage table, numbered in the file's order, and count them in the file.

    :param progress: called with the bytes of content read so far
    :raises NotPlain: when COPY and the file's own bytes disagree, or a value may not be what it seems
    :raises psycopg.DataError: when COPY refuses a value
    :raises SchemaDrift: when the dataset's policy does not accept the header
    :raises NotTheFile: when it is not a CSV file
    :raises TruncatedFile: when its compressed data end early
    """
    content = blocks(path)
    first = opening(content)
    plan = plan_csv(dataset, first)
    counter = RecordCounter(plan.line_end)
    intake = Intake(stage, plan)
    intake.open(connection)
    size = plan.data_offset
    with connection.cursor() as cursor:
        with cursor.copy(intake.copy) as copy:
            for block in _plain(chain((first[plan.data_offset :],), content)):
                counter.feed(block)
                copy.write(block)
                size += len(block)
                progress(size)
        copied = cursor.rowcount
    rows = counter.finish()
    if copied != rows:
        # Before Postgres 18, a line that reads \. ends the data.
        raise NotPlain(f"{rows} rows are in the file, and COPY found {copied}.")
    intake.close(connection)
    return Loaded(plan, rows, rows, 0, size)


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
        tail = block[-16:]
        yield block
