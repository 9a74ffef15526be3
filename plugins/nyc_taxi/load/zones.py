"""Loading the lookup of the taxi zones."""

from __future__ import annotations

import logging
import zlib
from dataclasses import dataclass
from gzip import BadGzipFile, GzipFile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from nyc_taxi.core.zones import read_zones
from nyc_taxi.errors import TaxiError, TruncatedFile
from nyc_taxi.files.download import fetch

if TYPE_CHECKING:
    from nyc_taxi.files.source_list import SourceList
    from nyc_taxi.load.warehouse import Warehouse

_log = logging.getLogger(__name__)

_LARGEST: Final = 1 << 24
"""Bytes of a lookup that are read: TLC's has 12 KB."""


@dataclass(frozen=True, slots=True)
class LoadedZones:
    """The zone lookup of a warehouse.

    :param rows: how many zones it has
    :param url: where they were loaded from; None when they were there already
    """

    rows: int
    url: str | None


def load_zones(warehouse: Warehouse, sources: SourceList, *, only_if_missing: bool = False) -> LoadedZones:
    """Replace the zone lookup by the first one that the sources have.

    :param only_if_missing: whether to leave a lookup that has zones alone
    """
    warehouse.prepare()
    if only_if_missing and (rows := warehouse.count_zones()):
        return LoadedZones(rows, None)
    with TemporaryDirectory(prefix="nyc-taxi-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "taxi_zone_lookup.csv"
        url = _fetch(sources, path)
        return LoadedZones(warehouse.replace_zones(read_zones(_content(path, url), url)), url)


def _content(path: Path, url: str) -> bytes:
    """Return the content of a lookup, which some servers pack whatever was requested."""
    try:
        with path.open("rb") as file, GzipFile(fileobj=file) as packed:
            return (packed if file.peek(2).startswith(b"\x1f\x8b") else file).read(_LARGEST)
    except (BadGzipFile, EOFError, zlib.error) as error:
        raise TruncatedFile(
            f"{url} is a gzip file that is cut or damaged: {error}. Fetch it again."
        ) from error


def _fetch(sources: SourceList, path: Path) -> str:
    *others, last = sources.zone_lookup()
    for url in others:
        try:
            return fetch(url, path, credentials=sources.credentials).url
        except TaxiError as error:
            _log.warning("%s Trying the next source.", error)
    return fetch(last, path, credentials=sources.credentials).url
