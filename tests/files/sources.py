"""Sources and a month, for the tests of sources."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nyc_taxi.core.month import Month
from nyc_taxi.files.source_list import SourceList

if TYPE_CHECKING:
    from nyc_taxi.files.source import Source
    from tests.file_server import FileServer

MIRROR = "https://github.com/DataTalksClub/nyc-tlc-data/releases/download"
TLC = "https://d37ci6vzurychx.cloudfront.net"
JANUARY = Month("2021-01")
PATH = "/green/green_tripdata_2021-01.csv.gz"
CHANGED = datetime(2022, 10, 5, 10, 30, tzinfo=UTC)


def only(text: str) -> Source:
    (source,) = SourceList.parse(text).sources
    return source


def at(source: str, file_server: FileServer) -> Source:
    """A known source, moved to a server of the test."""
    return replace(only(source), base=file_server.url)
