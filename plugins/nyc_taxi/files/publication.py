"""What a source reports about a month's file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from nyc_taxi.core.month import Month
from nyc_taxi.errors import NeverInSource, NotPublishedYet


class State(StrEnum):
    """Whether a month's file is available."""

    PUBLISHED = "published"
    NOT_YET = "not yet"
    NEVER = "never in this source"


@dataclass(frozen=True, slots=True)
class Publication:
    """A source's answer about one month's file.

    :param dataset: name of the dataset
    :param month: the month requested
    :param state: whether the file is available
    :param source: name of the source that answered
    :param url: where the file is or will be (``file://`` for a folder)
    :param asked_at: when the source answered, with time zone
    :param etag: the file's entity tag, if the source sends one
    :param last_modified: when the file was last changed, with time zone, if the source states it
    :param bytes: size of the file as stored, if the source states it
    :param detail: for a file that is not available: why, and what to do
    """

    dataset: str
    month: Month
    state: State
    source: str
    url: str
    asked_at: datetime
    etag: str | None = None
    last_modified: datetime | None = None
    bytes: int | None = None
    detail: str = ""

    def require(self) -> Self:
        """Return the answer itself when the file is available.

        :raises NotPublishedYet: when the source does not have the file yet
        :raises NeverInSource: when it never will
        """
        if self.state is State.NEVER:
            raise NeverInSource(self.detail)
        if self.state is State.NOT_YET:
            raise NotPublishedYet(self.detail)
        return self

    def same_file(
        self, *, url: str, etag: str | None, last_modified: datetime | None, bytes: int | None
    ) -> bool:
        """Whether this is the file that the arguments describe, as far as the source's answer shows.

        Entity tags decide when both sides have one; otherwise the time of change and the size must
        both be known and agree. A file of which nothing is known is never the same.
        """
        if self.state is not State.PUBLISHED or self.url != url:
            return False
        if self.etag and etag:
            return self.etag == etag
        if self.last_modified is None or self.bytes is None:
            return False
        return (self.last_modified, self.bytes) == (last_modified, bytes)

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain JSON values, for XCom."""
        values = asdict(self)
        values["month"] = str(self.month)
        values["state"] = self.state.value
        for key in ("asked_at", "last_modified"):
            if values[key] is not None:
                values[key] = values[key].isoformat()
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Rebuild an answer from :meth:`to_json`."""
        last_modified = values["last_modified"]
        return cls(
            **{
                **values,
                "month": Month(values["month"]),
                "state": State(values["state"]),
                "asked_at": datetime.fromisoformat(values["asked_at"]),
                "last_modified": datetime.fromisoformat(last_modified) if last_modified else None,
            }
        )
