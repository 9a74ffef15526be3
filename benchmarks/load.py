"""A large month loaded in every way there is, against ``gunzip | psql``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import psycopg

from benchmarks import files
from benchmarks.figure import Figure
from benchmarks.files import apart
from benchmarks.loading import Seconds, load, seconds_of_psql, sql_of, warehouse
from benchmarks.place import FIRST, place
from benchmarks.rounds import ratio, rounds
from nyc_taxi.files.source_list import SourceList

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.place import Place
    from benchmarks.sizes import Sizes

TARGETS = {
    "csv over two connections": 0.85,
    "csv over one connection": 1.3,
    "csv with one bad row": 2.0,
    "parquet of the same rows": 1.5,
}
"""What a load may take of the baseline's time."""

_BASELINE = "gunzip | psql"
_ANEW, _REPLACED = "a month loaded anew", "the same month replaced"


def measure(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """Measure loads from the HEAD request, including the download, to the commit."""
    with place(folder) as here:
        file = apart(files.editions, here.samples, FIRST, sizes.large)
        yield from _against_psql(here, sizes, file)
        yield from _replacing(here, sizes)


def _against_psql(here: Place, sizes: Sizes, file: Path) -> Iterator[Figure]:
    clean, two, one, bad, parquet = _BASELINE, *TARGETS
    found = rounds(
        {
            clean: partial(_copied, here, file),
            two: partial(_loaded, here, here.files, streams=2),
            one: partial(_loaded, here, here.files, streams=1),
            bad: partial(_loaded, here, f"{here.files}/bad"),
            parquet: partial(_loaded, here, f"tlc+{here.files}"),
        },
        sizes.rounds,
    )
    for name, target in TARGETS.items():
        yield ratio(f"{name}, against {_BASELINE}", found[name], found[_BASELINE], target)
    for name, seconds in found.items():
        yield Figure.of(f"large month: {name}", seconds, "s")


def _replacing(here: Place, sizes: Sizes) -> Iterator[Figure]:
    anew: list[Seconds] = []
    replaced: list[Seconds] = []
    for _ in range(sizes.rounds):
        with here.database() as uri:
            store = warehouse(uri)
            for source, seconds in ((here.files, anew), (f"{here.files}/again", replaced)):
                seconds.append(load(store, SourceList.parse(source), "yellow", FIRST))
    committed = [one.committed for one in replaced]
    yield ratio(f"{_REPLACED}, against {_ANEW}", committed, [one.committed for one in anew], 2.0)
    yield Figure.of(f"large month: {_REPLACED}", committed, "s")
    for name, seconds in (_ANEW, anew), (_REPLACED, replaced):
        after = [one.complete - one.committed for one in seconds]
        yield Figure.of(f"vacuum and statistics after the commit, {name}", after, "s")


def _copied(here: Place, file: Path) -> float:
    """Return the seconds that psql takes for a file, into a bare table of the same types."""
    with here.database() as uri:
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute(sql_of("bare"))
        return seconds_of_psql(here.server, uri, file, "bare")


def _loaded(here: Place, source: str, streams: int | None = None) -> float:
    """Return the seconds that the product takes for the first month of a source, up to the commit."""
    with here.database() as uri:
        return load(warehouse(uri, streams), SourceList.parse(source), "yellow", FIRST).committed
