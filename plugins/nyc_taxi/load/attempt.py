"""One try to load a month's file, and how far it came."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nyc_taxi.core.month import Month


class Outcome(StrEnum):
    """How far an attempt came.

    ``uploaded`` is reached only in a warehouse that loads from a bucket, when uploading is a separate task.
    """

    STAGING = "staging"
    UPLOADED = "uploaded"
    STAGED = "staged"
    AUDITED = "audited"
    PUBLISHED = "published"
    REPLACED = "replaced"
    UNLOADED = "unloaded"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Key:
    """Which attempt: its number, and the month by which a warehouse finds it without reading other months."""

    dataset: str
    month: Month
    id: int

    def __str__(self) -> str:
        return f"{self.dataset} {self.month} (attempt {self.id})"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to load a file: a row of ``ops.file_ledger``, whose comments describe the fields.

    The three counts are None until the file has been staged; then
    ``rows_in_file == rows_loaded + rows_rejected``.
    """

    id: int
    dataset: str
    month: Month
    outcome: Outcome
    source: str
    url: str
    etag: str | None
    last_modified: datetime | None
    bytes: int | None
    bytes_uncompressed: int | None
    sha256: str | None
    rows_in_file: int | None
    rows_loaded: int | None
    rows_rejected: int | None
    header: tuple[str, ...]
    line_end: str | None
    schema_version: str | None
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    run_id: str
    base_id: int | None
    replaced_id: int | None
    stage_table: str | None
    measures: Mapping[str, Any] | None
    started: datetime
    finished: datetime | None
    seconds: float | None
    reason: str | None

    @property
    def key(self) -> Key:
        """Which attempt it is."""
        return Key(self.dataset, self.month, self.id)

    @property
    def filename(self) -> str:
        """Name of the file, which each of its rows has."""
        return unquote(urlsplit(self.url).path).rpartition("/")[2]

    def __str__(self) -> str:
        return str(self.key)
