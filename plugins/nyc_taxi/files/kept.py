"""What a folder keeps of a download, so that another process can go on with it, and when it may.

The bytes and a small record lie side by side. The record says of which version they are and what they
hash to, so that neither a lost write nor a changed byte goes unnoticed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self, TypeGuard

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.files.publication import Publication

_RECORD: Final = "download.json"


def is_in(folder: Path) -> bool:
    """Whether a folder has something of a download that can be gone on with."""
    return (folder / _RECORD).exists()


def forget(folder: Path) -> None:
    """Take back what a folder's record says."""
    (folder / _RECORD).unlink(missing_ok=True)


def is_strong(etag: str | None) -> TypeGuard[str]:
    """Whether an entity tag stands for one sequence of bytes: without it, parts cannot be put together."""
    return etag is not None and not etag.startswith("W/")


@dataclass(frozen=True, slots=True)
class Kept:
    """What has arrived of one version of a file.

    :param url: where it comes from
    :param etag: its entity tag, if the source gives one
    :param last_modified: when the source changed it, with time zone, if the source says so
    :param total: its size, if it is known
    :param bytes: how many of its bytes have arrived
    :param sha256: what these hash to, in hexadecimal
    """

    url: str
    etag: str | None
    last_modified: datetime | None
    total: int | None
    bytes: int
    sha256: str

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self.bytes == self.total

    @property
    def useful(self) -> bool:
        """Whether another process could tell that it is of the version that the source has then."""
        if self.whole:
            return bool(self.etag or self.last_modified)
        return self.bytes > 0 and is_strong(self.etag)

    def fits(self, publication: Publication) -> bool:
        """Whether it is of the version that the source has, as far as the source tells.

        A part may be followed only by bytes of a version with the same strong entity tag, which the
        source is asked for.
        """
        if self.whole:
            return publication.same_file(
                url=self.url, etag=self.etag, last_modified=self.last_modified, bytes=self.bytes
            )
        return self.url == publication.url and is_strong(self.etag) and publication.etag in {None, self.etag}

    def write(self, folder: Path) -> None:
        """Write the record into the folder, whole or not at all."""
        changed = self.last_modified.isoformat() if self.last_modified else None
        new = folder / f"{_RECORD}.new"
        new.write_text(json.dumps({**asdict(self), "last_modified": changed}), "utf-8")
        new.replace(folder / _RECORD)

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return what the folder's record says; None when there is none that can be read."""
        try:
            values = json.loads((folder / _RECORD).read_text("utf-8"))
            changed = values["last_modified"]
            return cls(**{**values, "last_modified": datetime.fromisoformat(changed) if changed else None})
        except (OSError, ValueError, TypeError, KeyError):
            return None
